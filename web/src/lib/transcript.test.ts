import { expect, test } from 'vitest';
import type { Line, TimedEvent } from '../api/types';
import { cutAt, items, lineAt } from './transcript';

const line = (number: number, at: number, text = 'words', more: Partial<Line> = {}): Line => ({
  number, at, text, item: `i${number}`, speaker: 'agent', interrupted: null, ...more,
});
const event = (at: number, name: string, more: Record<string, unknown> = {}): TimedEvent => ({ at, event: { event: name, ...more } });

test('tools stand between the lines, with how they went', () => {
  const events = [
    event(100, 'tool_started', { call: 'c1', name: 'lookup' }),
    event(100, 'model_ready', { after_ms: 3 }),
    event(140, 'tool_finished', { call: 'c1', name: 'lookup', took_ms: 33, error: null }),
    event(300, 'tool_started', { call: 'c2', name: 'menu' }),
    event(900, 'tool_finished', { call: 'c2', name: 'menu', took_ms: 600, error: 'timed_out' }),
    event(950, 'tool_finished', { call: 'other', name: 'menu', took_ms: 1, error: null }),
  ];
  const list = items([line(1, 0), line(2, 200)], events);
  expect(list.map((item) => [item.kind, item.at])).toEqual([['line', 0], ['tool', 100], ['line', 200], ['tool', 300]]);
  expect(list[1]).toMatchObject({ name: 'lookup', tookMs: 33, error: null, finished: true });
  expect(list[3]).toMatchObject({ name: 'menu', tookMs: 600, error: 'timed_out' });
});

test('lines of the same moment keep their order, and what happened comes after them', () => {
  const list = items([line(2, 50), line(1, 50)], [event(50, 'on_hold', { by: 'operator' })]);
  expect(list.map((item) => (item.kind === 'line' ? item.line.number : item.kind))).toEqual([1, 2, 'mark']);
});

test('a line that is being spoken is not final', () => {
  const list = items([line(1, 0), line(2, 10)], [], new Set(['i2']));
  expect(list.map((item) => item.kind === 'line' && item.isFinal)).toEqual([true, false]);
});

test('the line at a moment is the last that has begun', () => {
  const lines = [line(1, 400), line(2, 5_000), line(3, 5_000), line(4, 9_000)];
  const at = (ms: number) => lineAt(lines, ms)?.number ?? null;
  expect([0, 400, 4_999, 5_000, 8_999, 90_000].map(at)).toEqual([null, 1, 1, 3, 3, 4]);
});

test('words that were not heard begin at a whole word', () => {
  const cut = (heard_ms: number, sent_ms: number) => {
    const text = 'one two three four';
    const at = cutAt(line(1, 0, text, { interrupted: { heard_ms, sent_ms } }));
    return at === null ? null : text.slice(0, at);
  };
  expect(cut(500, 1_000)).toBe('one two');
  expect(cut(1_000, 1_000)).toBe('one two three four');
  expect(cut(0, 1_000)).toBe('');
  expect(cut(0, 0)).toBe(null);
  expect(cutAt(line(1, 0))).toBe(null);
});
