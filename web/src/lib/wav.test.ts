import { expect, test } from 'vitest';
import { mulaw, wave } from './wav';

/** A file with chunks as they are given. */
function file(chunks: [string, Uint8Array][]): ArrayBuffer {
  const text = (word: string) => new TextEncoder().encode(word);
  const size = (length: number) => new Uint8Array(new Uint32Array([length]).buffer);
  const parts = chunks.flatMap(([tag, body]) => [text(tag), size(body.length), body, new Uint8Array(body.length % 2)]);
  const bytes = [text('RIFF'), size(0), text('WAVE'), ...parts].flatMap((part) => [...part]);
  return new Uint8Array(bytes).buffer;
}

function format(kind: number, channels: number, rate: number, bits: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(18));
  view.setUint16(0, kind, true);
  view.setUint16(2, channels, true);
  view.setUint32(4, rate, true);
  view.setUint16(14, bits, true);
  return new Uint8Array(view.buffer);
}

test('µ-law means what G.711 says', () => {
  // 0xff and 0x7f are silence; 0x80 and 0x00 are the loudest.
  expect([0xff, 0x7f].map((byte) => Math.abs(mulaw(byte)))).toEqual([0, 0]);
  expect(mulaw(0x80)).toBeCloseTo(0.9803, 3);
  expect(mulaw(0x00)).toBeCloseTo(-0.9803, 3);
  expect(mulaw(0xf0)).toBeCloseTo(120 / 32_768, 6);
});

test('each side has its own peaks', () => {
  const quiet = 0xff;
  const samples = new Uint8Array(16).fill(quiet);
  samples[0] = 0x80;
  samples[15] = 0x00;
  const seen = wave(file([['LIST', new Uint8Array(3)], ['fmt ', format(7, 2, 8_000, 8)], ['fact', new Uint8Array(4)], ['data', samples]]), 4);
  expect(seen?.durationMs).toBe(1);
  expect([...seen!.peaks[0]!].map((value) => value.toFixed(2))).toEqual(['0.98', '0.00', '0.00', '0.00']);
  expect([...seen!.peaks[1]!].map((value) => value.toFixed(2))).toEqual(['0.00', '0.00', '0.00', '0.98']);
});

test('sixteen bits are read too, and what is no sound is no picture', () => {
  const samples = new Uint8Array(new Int16Array([0, -32_768]).buffer);
  expect([...wave(file([['fmt ', format(1, 1, 8_000, 16)], ['data', samples]]), 2)!.peaks[0]!]).toEqual([0, 1]);
  expect(wave(new ArrayBuffer(4), 2)).toBeNull();
  expect(wave(file([['fmt ', format(85, 1, 8_000, 8)], ['data', samples]]), 2)).toBeNull();
});
