import { expect, test } from 'vitest';
import { mulaw } from '../lib/wav';
import { base64, encode, level, samples } from './codec';

test('every byte of µ-law comes back as itself, but for the second of the two zeros', () => {
  const back = Array.from({ length: 256 }, (_, byte) => encode(mulaw(byte)));
  expect(back).toEqual(Array.from({ length: 256 }, (_, byte) => (byte === 0x7f ? 0xff : byte)));
});

test('what is too loud is as loud as it can be, and silence is ones', () => {
  expect([encode(2), encode(1), encode(-1), encode(-7), encode(0)]).toEqual([0x80, 0x80, 0x00, 0x00, 0xff]);
});

test('base64 is sound, and what is none is nothing', () => {
  const sound = samples(base64(Uint8Array.of(0xff, 0x80, 0x00)));
  expect([...sound!].map((value) => value.toFixed(2))).toEqual(['0.00', '0.98', '-0.98']);
  expect(samples('not base64!')).toBeNull();
});

test('a level is 1 at full, 0 in silence, and loses a sixth with each ten decibels', () => {
  const of = (value: number) => level(new Float32Array(160).fill(value));
  expect([of(1), of(0), of(0.0001)]).toEqual([1, 0, 0]);
  expect(of(Math.sqrt(0.1))).toBeCloseTo(5 / 6);
  expect(level(new Float32Array(0))).toBe(0);
});
