/**
 * From the sound card's rate to a telephone's, and back. What the lower rate cannot carry is taken away first, by a windowed sinc: a
 * hiss at 6 kHz would otherwise come out as a whistle at 2.
 */

/** Of the lower rate's band, so much passes. */
const PASSED = 0.92;
/** Of the sinc, on each side. */
const CROSSINGS = 24;

function divisor(one: number, other: number): number {
  return other === 0 ? one : divisor(other, one % other);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Blackman's, over −1 to 1. */
function window(x: number): number {
  return 0.42 + 0.5 * Math.cos(Math.PI * x) + 0.08 * Math.cos(2 * Math.PI * x);
}

/** A stream of samples at one rate becomes one at another. Pieces may be of any length; nothing is lost between them. */
export class Resampler {
  /** Of each place that an output sample can have between two input samples, the weights of those around it. */
  private readonly phases: Float32Array[];
  private readonly half: number;
  private readonly step: number;
  private kept: Float32Array;
  /** Of the next output sample: the input sample before it in `kept`, and which phase. */
  private at: number;
  private phase = 0;

  constructor(from: number, to: number) {
    const common = divisor(from, to);
    const count = to / common;
    this.step = from / common;
    const cutoff = Math.min(1, to / from) * PASSED;
    this.half = Math.ceil(CROSSINGS / cutoff);
    this.phases = Array.from({ length: count }, (_, phase) => this.weights(phase / count, cutoff));
    this.kept = new Float32Array(this.half);
    this.at = this.half - 1;
  }

  private weights(place: number, cutoff: number): Float32Array {
    const weights = Float32Array.from({ length: 2 * this.half }, (_, tap) => {
      const x = tap - this.half + 1 - place;
      return sinc(cutoff * x) * window(Math.max(-1, Math.min(1, x / this.half)));
    });
    const sum = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / sum);
  }

  next(piece: Float32Array): Float32Array<ArrayBuffer> {
    const sound = new Float32Array(this.kept.length + piece.length);
    sound.set(this.kept);
    sound.set(piece, this.kept.length);
    const out: number[] = [];
    while (this.at + this.half < sound.length) {
      const weights = this.phases[this.phase]!;
      const first = this.at - this.half + 1;
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += weights[tap]! * sound[first + tap]!;
      out.push(sum);
      this.phase += this.step;
      this.at += Math.floor(this.phase / this.phases.length);
      this.phase %= this.phases.length;
    }
    const over = Math.min(this.at - this.half + 1, sound.length);
    this.kept = sound.slice(over);
    this.at -= over;
    return Float32Array.from(out);
  }
}
