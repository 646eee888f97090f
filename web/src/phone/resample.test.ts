import { expect, test } from 'vitest';
import { Resampler } from './resample';

function tone(hertz: number, rate: number, seconds: number): Float32Array {
  return Float32Array.from({ length: rate * seconds }, (_, at) => 0.5 * Math.sin((2 * Math.PI * hertz * at) / rate));
}

/** How high a tone swings, by its power; without what the filter's ends do. */
function swing(sound: Float32Array): number {
  const middle = sound.slice(sound.length / 4, (sound.length * 3) / 4);
  return Math.sqrt((2 * middle.reduce((sum, sample) => sum + sample * sample, 0)) / middle.length);
}

const decibels = (ratio: number) => 20 * Math.log10(ratio);

for (const [from, to] of [[48_000, 8_000], [44_100, 8_000], [16_000, 8_000], [8_000, 48_000], [8_000, 44_100], [8_000, 8_000]] as const) {
  test(`a voice passes from ${from} to ${to} as it is, and takes as long`, () => {
    for (const hertz of [200, 1_000, 3_000, 3_400]) {
      const out = new Resampler(from, to).next(tone(hertz, from, 1));
      expect(Math.abs(decibels(swing(out) / 0.5)), `${hertz} Hz`).toBeLessThan(0.5);
      expect(Math.abs(out.length - to)).toBeLessThan(0.02 * to);
    }
  });
}

test('what a telephone cannot carry does not come out as something else', () => {
  for (const rate of [44_100, 48_000]) {
    for (const hertz of [4_600, 6_000, 9_000, 15_000]) {
      const out = new Resampler(rate, 8_000).next(tone(hertz, rate, 1));
      expect(decibels(swing(out) / 0.5), `${hertz} Hz at ${rate}`).toBeLessThan(-50);
    }
  }
});

test('nothing is added above the telephone’s band on the way to the speakers', () => {
  const out = new Resampler(8_000, 48_000).next(tone(3_000, 8_000, 1));
  // Its image would be at 5 kHz.
  const correlate = (hertz: number) => {
    const [sine, cosine] = out.slice(12_000, 36_000).reduce(
      ([sine, cosine], sample, at) => {
        const angle = (2 * Math.PI * hertz * at) / 48_000;
        return [sine + sample * Math.sin(angle), cosine + sample * Math.cos(angle)] as [number, number];
      },
      [0, 0] as [number, number],
    );
    return Math.hypot(sine, cosine) / 12_000;
  };
  expect(decibels(correlate(5_000) / correlate(3_000))).toBeLessThan(-50);
});

test('it does not matter in what pieces sound comes', () => {
  const sound = tone(440, 44_100, 0.2);
  const whole = new Resampler(44_100, 8_000).next(sound);
  const bit = new Resampler(44_100, 8_000);
  const pieces: number[] = [];
  for (let at = 0, length = 1; at < sound.length; at += length, length = (length * 7) % 131) pieces.push(...bit.next(sound.slice(at, at + length)));
  expect(pieces).toEqual([...whole]);
});
