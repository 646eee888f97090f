import { expect, test } from 'vitest';
import type { CallDetail, Line } from '../api/types';
import { plainText, stamp, webVtt } from './vtt';

const line = (number: number, at: number, text: string | null, more: Partial<Line> = {}): Line => ({
  number, at, text, item: `i${number}`, speaker: number % 2 ? 'agent' : 'caller', interrupted: null, ...more,
});

test('a moment is written as WebVTT wants it', () => {
  expect([0, 1_234, 61_005, 3_600_000].map(stamp)).toEqual(['00:00:00.000', '00:00:01.234', '00:01:01.005', '01:00:00.000']);
});

test('a caption ends where the next begins, and not later than ten seconds', () => {
  const file = webVtt([line(1, 400, 'Hello.'), line(2, 3_000, 'Is it ready?'), line(3, 60_000, 'Yes.')]);
  expect(file.split('\n\n')).toEqual([
    'WEBVTT',
    '1\n00:00:00.400 --> 00:00:03.000\n<v Agent>Hello.',
    '2\n00:00:03.000 --> 00:00:13.000\n<v Caller>Is it ready?',
    '3\n00:01:00.000 --> 00:01:10.000\n<v Agent>Yes.\n',
  ]);
});

test('what a caller says is text, however it looks', () => {
  const file = webVtt([line(2, 0, '<b>5 > 3 & 2</b>\n\n00:00:00.000 --> 00:00:09.000')]);
  expect(file).toContain('&lt;b&gt;5 &gt; 3 &amp; 2&lt;/b&gt; 00:00:00.000 --&gt; 00:00:09.000');
  expect(file.split('\n\n')).toHaveLength(2);
});

test('what was not made out is no caption, and is said in the text', () => {
  const lines = [line(1, 0, 'Hello.', { interrupted: { heard_ms: 1, sent_ms: 2 } }), line(2, 900, null)];
  expect(webVtt(lines)).not.toContain('Caller');
  const call = { sid: 'CA1', from: '+1', to: '+2', began_at_ms: 0, agent: { id: 'default' } };
  const text = plainText({ call, transcript: lines, events: [] } as unknown as CallDetail);
  expect(text).toContain('[0:00] Agent: Hello.  [cut in]\n[0:00] Caller: (not made out)\n');
  expect(text).toContain('Began 1970-01-01T00:00:00.000Z');
});
