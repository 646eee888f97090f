/** Sound as a telephone has it: µ-law, 8 kHz, in frames of 20 ms, as base64. */
import { mulaw } from '../lib/wav';

export const RATE = 8_000;
/** Samples of a frame. */
export const FRAME = 160;

const BIAS = 0x84;
const LOUDEST = 32_635;

/** The byte for a sample from −1 to 1; what is louder is cut. */
export function encode(sample: number): number {
  const value = Math.round(sample * 32_768);
  const magnitude = Math.min(Math.abs(value), LOUDEST) + BIAS;
  const exponent = 31 - Math.clz32(magnitude) - 7;
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~((value < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
}

const VALUES = Float32Array.from({ length: 256 }, (_, byte) => mulaw(byte));

/** `null`: it is no base64. */
export function samples(base64: string): Float32Array<ArrayBuffer> | null {
  let bytes: string;
  try {
    bytes = atob(base64);
  } catch {
    return null;
  }
  return Float32Array.from({ length: bytes.length }, (_, at) => VALUES[bytes.charCodeAt(at)]!);
}

export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** How loud, from 0 (60 dB below full) to 1. */
export function level(sound: Float32Array): number {
  const power = sound.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, sound.length);
  return power === 0 ? 0 : Math.max(0, Math.min(1, 1 + Math.log10(power) / 6));
}
