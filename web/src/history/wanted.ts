/** Which calls are wanted: as the address has it, as the server is asked, and what of it only the page can tell. */
import type { Call } from '../api/types';
import { type Bounds, bounds, type Range, readRange, writeRange } from '../lib/range';
import { wordsOf } from '../lib/words';

export const ANY = 'any';

export interface Wanted {
  words: string;
  /** Whole, or a part of one. */
  number: string;
  agent: string;
  ending: string;
  range: Range;
}

const TEXTS: [keyof Wanted & ('words' | 'number' | 'agent' | 'ending'), string, string][] = [
  ['words', 'q', ''], ['number', 'number', ''], ['agent', 'agent', ANY], ['ending', 'outcome', ANY],
];

export function readWanted(search: URLSearchParams): Wanted {
  const wanted: Wanted = { words: '', number: '', agent: ANY, ending: ANY, range: readRange(search, { kind: 'any' }) };
  for (const [field, name, none] of TEXTS) wanted[field] = search.get(name) ?? none;
  return wanted;
}

export function addressOf(wanted: Wanted): string {
  const search = new URLSearchParams();
  for (const [field, name, none] of TEXTS) {
    if (wanted[field] !== none) search.set(name, wanted[field]);
  }
  writeRange(search, wanted.range);
  const text = search.toString();
  return `/calls${text ? `?${text}` : ''}`;
}

/** As people write numbers: `+1 (500) 555-0142`. */
function digitsOf(number: string): string {
  return number.replaceAll(/[\s().-]/g, '');
}

const WHOLE_NUMBER = /^\+\d{7,15}$/;

/** A number among the words is looked for as one. */
function numberIn({ words, number }: Wanted): { words: string; digits: string } {
  const digits = digitsOf(words.trim());
  return number === '' && WHOLE_NUMBER.test(digits) ? { words: '', digits } : { words, digits: digitsOf(number) };
}

export interface Question {
  /** What the server searches by; empty: calls are listed. */
  search: string;
  /** Those of them that were said. */
  words: string;
  /** What is left for the page to look at. */
  digits: string;
  within: Bounds;
}

export function questionOf(wanted: Wanted, nowMs: number): Question {
  const within = bounds(wanted.range, nowMs);
  const { words, digits } = numberIn(wanted);
  const isWhole = WHOLE_NUMBER.test(digits);
  const search = new URLSearchParams();
  const said = wordsOf(words).size > 0 ? words : '';
  if (said) search.set('q', said);
  if (isWhole) search.set('number', digits);
  if (wanted.agent !== ANY) search.set('agent', wanted.agent);
  if (wanted.ending !== ANY) search.set('ending', wanted.ending);
  if (search.size > 0) {
    if (within.fromMs !== null) search.set('from', new Date(within.fromMs).toISOString());
    if (within.toMs !== null) search.set('to', new Date(within.toMs - 1).toISOString());
  }
  return { search: search.toString(), words: said, digits: isWhole ? '' : digits.toLowerCase(), within };
}

export function isWanted(call: Call, { digits, within }: Question): boolean {
  const { fromMs, toMs } = within;
  return (
    (fromMs === null || call.began_at_ms >= fromMs) &&
    (toMs === null || call.began_at_ms < toMs) &&
    (digits === '' || [call.from, call.to].some((number) => number.toLowerCase().includes(digits)))
  );
}
