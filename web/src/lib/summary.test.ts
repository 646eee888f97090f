import { expect, test } from 'vitest';
import type { TimedEvent } from '../api/types';
import { spread, summarize } from './summary';

const events = (...names: (Record<string, unknown> & { event: string })[]): TimedEvent[] => names.map((event, at) => ({ at, event }));

// The same figures as `shared/src/summary.rs` has in its own test.
test('a call is its turns and its latest cost', () => {
  const turn = { event: 'turn', number: 1, first_audio_ms: 100 };
  const sum = summarize(
    events(
      { ...turn, answer_ms: 900, tool_ms: 0 },
      { event: 'cost', total: 0 },
      { ...turn, answer_ms: 300, tool_ms: 4_000 },
      { ...turn, tool_ms: 0 },
      { event: 'cost', total: 5 },
    ),
  );
  expect(sum.answerMs).toEqual({ count: 2, p50: 300, max: 900 });
  expect(sum.firstAudioMs).toEqual({ count: 3, p50: 100, max: 100 });
  expect(sum.toolMs).toEqual({ count: 1, p50: 4_000, max: 4_000 });
  expect([sum.turns, sum.markMs, sum.cost?.total]).toEqual([3, null, 5]);
});

test('what was begun and ended again is over', () => {
  const held = events({ event: 'on_hold' }, { event: 'recording_paused' });
  expect(summarize(held)).toMatchObject({ onHold: true, recordingPaused: true });
  expect(summarize([...held, ...events({ event: 'off_hold' })])).toMatchObject({ onHold: false, recordingPaused: true });
});

test('of several figures the middle one is not moved by the worst', () => {
  expect(spread([])).toBeNull();
  expect(spread([9_000, 1, 2])).toEqual({ count: 3, p50: 2, max: 9_000 });
});
