import { expect, test } from 'vitest';
import type { Call, CallDetail, Line } from '../api/types';
import { type Entry, nothing, put, putSnapshot, view } from './entries';

const call = { sid: 'CA1', status: { status: 'in_progress' } } as unknown as Call;
const line = (number: number, text: string, item = `i${number}`): Line => ({
  number, at: number * 100, text, item, speaker: 'agent', interrupted: null,
});
const said = (fence: number, final: boolean, spoken: Line): Entry & { kind: 'line' } => ({
  kind: 'line', call: 'CA1', fence, final, line: spoken,
});

function held(...entries: Exclude<Entry, { kind: 'audio' }>[]) {
  const all = nothing();
  put(all, { kind: 'call', call });
  for (const entry of entries) put(all, entry);
  return all;
}
const texts = (...entries: Exclude<Entry, { kind: 'audio' }>[]) => view(held(...entries))!.transcript.map(({ text }) => text);

test('a line grows until it is final, and is one line', () => {
  const all = held(said(1, false, line(1, 'Hel')), said(1, false, line(1, 'Hello th')));
  expect(view(all)!.partial).toEqual(new Set(['i1']));
  put(all, said(1, true, line(1, 'Hello there.')));
  put(all, said(1, false, line(1, 'Hello th')));
  expect(view(all)!.transcript.map(({ text }) => text)).toEqual(['Hello there.']);
  expect(view(all)!.partial.size).toBe(0);
});

test('a line that was cut off says so, whatever comes late; what was never completed goes with the call', () => {
  const cut = { ...line(1, 'Hello there.'), interrupted: { heard_ms: 1, sent_ms: 2 } };
  const all = held(said(1, true, cut), said(1, true, line(1, 'Hello there.')), said(1, false, line(2, 'And')));
  expect(view(all)!.transcript.map(({ interrupted }) => interrupted !== null)).toEqual([true, false]);
  put(all, { kind: 'call', call: { ...call, status: { status: 'ended', ending: 'caller_hung_up' } } });
  expect(view(all)!.transcript).toHaveLength(1);
});

test('of one item the latest holder’s word counts, whenever it comes', () => {
  expect(texts(said(2, true, line(1, 'heard out')), said(1, true, line(1, 'late')))).toEqual(['heard out']);
  expect(texts(said(1, true, line(1, 'before')), said(2, true, line(1, 'after')))).toEqual(['after']);
});

test('lines of different holders under one number follow one another', () => {
  expect(texts(said(2, true, line(7, 'after', 'new')), said(1, true, line(7, 'before', 'old')))).toEqual(['before', 'after']);
});

test('what happened is there once, from wherever it was heard, and in order', () => {
  const event = { event: 'barge_in', heard_ms: 5 };
  const entry = { kind: 'event', call: 'CA1', fence: 1, number: 3, at: 50, event } as const;
  const all = held(entry, entry, { ...entry, at: 10, number: 2 });
  putSnapshot(all, { call, transcript: [], events: [{ at: 50, event }] }, true);
  expect(view(all)!.events.map(({ at }) => at)).toEqual([10, 50]);
});

test('while it streams, what is read does not take back what was heard; without a stream it does', () => {
  const read: CallDetail = { call, transcript: [line(1, 'Hel'), line(2, 'Read.')], events: [] };
  const all = held(said(1, false, line(1, 'Hello the')));
  putSnapshot(all, read, true);
  expect(view(all)!.transcript.map(({ text }) => text)).toEqual(['Hello the', 'Read.']);
  putSnapshot(all, read, false);
  expect(view(all)!.transcript.map(({ text }) => text)).toEqual(['Hel', 'Read.']);
  expect(view(all)!.partial.size).toBe(0);
});

test('of the line’s quality the last two minutes are kept', () => {
  const all = held();
  for (let at = 0; at < 300; at++) put(all, { kind: 'quality', call: 'CA1', at, jitter_ms: at, late: 0, lost: 0, mark_ms: null });
  expect(all.quality).toHaveLength(120);
  expect(all.quality.at(-1)?.at).toBe(299);
});

test('what a tool is asked and answers is shown, and an answer stays', () => {
  const tool = (output: string | null) => ({ kind: 'tool', call: 'CA1', id: 'c1', name: 'look_up', arguments: '{}', output }) as const;
  const shown = (...entries: Exclude<Entry, { kind: 'audio' }>[]) => view(held(...entries))!.tools.get('c1');
  expect(shown(tool(null))).toEqual({ id: 'c1', name: 'look_up', arguments: '{}', output: null });
  expect(shown(tool(null), tool('{"ok":true}'))?.output).toBe('{"ok":true}');
  expect(shown(tool('{"ok":true}'), tool(null))?.output).toBe('{"ok":true}');
});
