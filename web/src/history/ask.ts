/** Calls page by page: found by the server, or out of the list of all, newest first. */
import { get } from '../api/client';
import type { Call, FoundCall } from '../api/types';
import { isWanted, type Question } from './wanted';

const LISTED = 100;
const FOUND = 10;
/** One look at a list goes through so many pages at most that have nothing. */
const MOST_PAGES = 5;

export interface Found {
  found: FoundCall[];
  next: string | null;
}

interface Listed {
  calls: Call[];
  next?: string | null;
}

function page(limit: number, after: string): string {
  return `limit=${limit}${after ? `&after=${encodeURIComponent(after)}` : ''}`;
}

async function searched(question: Question, after: string, signal: AbortSignal): Promise<Found> {
  const { found, next } = await get<{ found: FoundCall[]; next?: string | null }>(`/api/search?${question.search}&${page(FOUND, after)}`, signal);
  return { found, next: next ?? null };
}

async function listed(question: Question, after: string, signal: AbortSignal): Promise<Found> {
  const { calls, next } = await get<Listed>(`/calls?${page(LISTED, after)}`, signal);
  const { fromMs } = question.within;
  // They come by their age: what is older than what is wanted ends the list.
  const isPast = fromMs !== null && calls.some((call) => call.began_at_ms < fromMs);
  return { found: calls.map((call) => ({ call, lines: [] })), next: isPast ? null : (next ?? null) };
}

export async function look(question: Question, after: string, signal: AbortSignal): Promise<Found> {
  let place = after;
  for (let pages = 1; ; pages++) {
    const { found, next } = await (question.search ? searched : listed)(question, place, signal);
    const wanted = found.filter(({ call }) => isWanted(call, question));
    if (wanted.length > 0 || next === null || pages === MOST_PAGES) return { found: wanted, next };
    place = next;
  }
}
