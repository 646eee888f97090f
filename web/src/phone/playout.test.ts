import { expect, test } from 'vitest';
import { Playout } from './playout';

const sound = (length: number, value = 1) => new Float32Array(length).fill(value);

/** How much of the next so many samples is sound, and which marks were reached. */
function pull(playout: Playout, length: number): { heard: number; marks: string[] } {
  const out = new Float32Array(length).fill(9);
  const marks = playout.pull(out);
  return { heard: out.filter((sample) => sample === 1).length, marks };
}

test('a piece begins when enough is in hand, and then goes on without gaps', () => {
  const playout = new Playout();
  playout.push(sound(160));
  expect(pull(playout, 160).heard).toBe(0);
  playout.push(sound(320));
  expect(pull(playout, 160).heard).toBe(160);
  playout.push(sound(160));
  expect([pull(playout, 400).heard, pull(playout, 160).heard]).toEqual([400, 80]);
});

test('a piece that is all there is is not waited with for ever', () => {
  const playout = new Playout();
  playout.push(sound(160));
  const heard = Array.from({ length: 5 }, () => pull(playout, 160).heard);
  expect(heard).toEqual([0, 0, 0, 160, 0]);
});

test('silence is silence, and not what was there before', () => {
  const out = new Float32Array(40).fill(9);
  new Playout().pull(out);
  expect([...out]).toEqual(Array.from({ length: 40 }, () => 0));
});

test('a mark is told when what stands before it was heard, and at once where nothing does', () => {
  const playout = new Playout();
  playout.mark('first');
  expect(pull(playout, 40).marks).toEqual(['first']);
  playout.push(sound(600));
  playout.mark('second');
  playout.mark('third');
  playout.push(sound(100));
  playout.mark('last');
  expect(pull(playout, 590)).toEqual({ heard: 590, marks: [] });
  expect(pull(playout, 20)).toEqual({ heard: 20, marks: ['second', 'third'] });
  expect(pull(playout, 90)).toEqual({ heard: 90, marks: ['last'] });
});

test('what is cleared is not heard, its marks come back, and the next words begin anew', () => {
  const playout = new Playout();
  playout.push(sound(1_000));
  playout.mark('a');
  playout.push(sound(1_000));
  playout.mark('b');
  expect(pull(playout, 100).heard).toBe(100);
  expect(playout.clear()).toEqual(['a', 'b']);
  expect(pull(playout, 100)).toEqual({ heard: 0, marks: [] });
  playout.push(sound(480));
  expect(pull(playout, 480).heard).toBe(480);
});
