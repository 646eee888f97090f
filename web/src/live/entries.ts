/**
 * What the live socket says, and what becomes of it. Entries come more than once, late, and from two relays of one call; each
 * says what is so now, so putting one in twice changes nothing.
 */
import type { Call, CallDetail, CallEvent, Line, TimedEvent } from '../api/types';

export interface Quality {
  at: number;
  jitter_ms: number;
  late: number;
  lost: number;
  mark_ms: number | null;
}

/** What a tool is asked, and what it answers: as long as one watches, and kept by nobody. */
export interface ToolWords {
  id: string;
  name: string;
  arguments: string;
  output: string | null;
}

export type Entry =
  | { kind: 'call'; call: Call }
  | { kind: 'line'; call: string; fence: number; final: boolean; line: Line }
  | { kind: 'event'; call: string; fence: number; number: number; at: number; event: CallEvent }
  | ({ kind: 'quality'; call: string } & Quality)
  | ({ kind: 'tool'; call: string } & ToolWords)
  | { kind: 'audio'; call: string; from: number; side: 'caller' | 'agent'; mulaw: string };

interface HeldLine {
  fence: number;
  final: boolean;
  line: Line;
}

/** Everything known of one call. */
export interface Held {
  call: Call | null;
  lines: Map<string, HeldLine>;
  events: Map<string, TimedEvent>;
  quality: Quality[];
  tools: Map<string, ToolWords>;
}

/** A page's view of it. */
export interface Detail extends CallDetail {
  /** Items that are being spoken. */
  partial: ReadonlySet<string>;
  quality: readonly Quality[];
  tools: ReadonlyMap<string, ToolWords>;
}

/** Of the strip's points: two minutes at one a second. */
const MOST_QUALITY = 120;
/** What was read over HTTP says of no fence; any that streams in is as good. */
const NO_FENCE = 0;

export function nothing(): Held {
  return { call: null, lines: new Map(), events: new Map(), quality: [], tools: new Map() };
}

/** Two writers number their events alike; what happened and when tells them apart, and what was read twice together. */
function eventKey(at: number, event: CallEvent): string {
  return `${at} ${JSON.stringify(event)}`;
}

/** Of one holder's: what is final, and of two final forms the one that tells of an interruption. */
function isBetter(known: HeldLine, final: boolean, line: Line): boolean {
  return known.final && (!final || (known.line.interrupted !== null && line.interrupted === null));
}

export function putLine(held: Held, fence: number, final: boolean, line: Line): void {
  const known = held.lines.get(line.item);
  if (known && (known.fence > fence || (known.fence === fence && isBetter(known, final, line)))) return;
  held.lines.set(line.item, { fence, final, line });
}

export function put(held: Held, entry: Exclude<Entry, { kind: 'audio' }>): void {
  switch (entry.kind) {
    case 'call':
      held.call = entry.call;
      break;
    case 'line':
      putLine(held, entry.fence, entry.final, entry.line);
      break;
    case 'event':
      held.events.set(eventKey(entry.at, entry.event), { at: entry.at, event: entry.event });
      break;
    case 'tool': {
      const { id, name, arguments: asked, output } = entry;
      // An answer is not taken back by what was told late.
      held.tools.set(id, { id, name, arguments: asked, output: output ?? held.tools.get(id)?.output ?? null });
      break;
    }
    case 'quality': {
      const { at, jitter_ms, late, lost, mark_ms } = entry;
      const others = held.quality.filter((point) => point.at !== at);
      held.quality = [...others, { at, jitter_ms, late, lost, mark_ms }].toSorted((a, b) => a.at - b.at).slice(-MOST_QUALITY);
      break;
    }
  }
}

/** What HTTP says. While the socket streams, what it said of a line is the newer; without it, what is read is all there is. */
export function putSnapshot(held: Held, detail: CallDetail, streaming: boolean): void {
  held.call = detail.call;
  if (!streaming) held.lines.clear();
  for (const line of detail.transcript) {
    if (!held.lines.has(line.item)) held.lines.set(line.item, { fence: NO_FENCE, final: true, line });
  }
  for (const { at, event } of detail.events) held.events.set(eventKey(at, event), { at, event });
}

export function view(held: Held): Detail | null {
  if (!held.call) return null;
  const isDone = isOver(held.call);
  // What was never completed is in no transcript.
  const kept = [...held.lines.values()].filter(({ final }) => final || !isDone);
  const written = kept.toSorted((a, b) => a.line.number - b.line.number || a.fence - b.fence);
  return {
    call: held.call,
    transcript: written.map(({ line }) => line),
    events: [...held.events.values()].toSorted((a, b) => a.at - b.at),
    partial: new Set(written.filter(({ final }) => !final).map(({ line }) => line.item)),
    quality: held.quality,
    tools: held.tools,
  };
}

export function isOver(call: Call): boolean {
  return call.status.status === 'ended';
}
