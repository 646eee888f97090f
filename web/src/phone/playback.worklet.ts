/** In the sound card's own thread: what the agent says becomes sound, and marks are told when they are reached. */
import { level, RATE } from './codec';
import { Playout } from './playout';
import { Resampler } from './resample';

export type ToPlayback = { sound: Float32Array } | { mark: string } | { clear: true };
export type FromPlayback = { marks: string[] } | { level: number };

/** Samples between two looks at how loud it is. */
const MEASURED = 400;
/** That are taken from the queue at once. */
const PIECE = 40;

class Playback extends AudioWorkletProcessor {
  private readonly playout = new Playout();
  private readonly resampler = new Resampler(RATE, sampleRate);
  private ready: Float32Array = new Float32Array(0);
  private readonly piece = new Float32Array(PIECE);
  private readonly measured = new Float32Array(MEASURED);
  private filled = 0;

  constructor() {
    super();
    this.port.addEventListener('message', ({ data }: MessageEvent<ToPlayback>) => {
      if ('sound' in data) this.playout.push(data.sound);
      else if ('mark' in data) this.playout.mark(data.mark);
      else this.tell(this.playout.clear());
    });
    this.port.start();
  }

  process(_: Float32Array[][], [output]: Float32Array[][]): boolean {
    const [first, ...others] = output ?? [];
    if (!first) return true;
    for (let filled = 0; filled < first.length; ) {
      if (this.ready.length === 0) this.refill();
      const part = this.ready.subarray(0, first.length - filled);
      first.set(part, filled);
      filled += part.length;
      this.ready = this.ready.subarray(part.length);
    }
    for (const other of others) other.set(first);
    return true;
  }

  private refill(): void {
    this.tell(this.playout.pull(this.piece));
    this.measured.set(this.piece, this.filled);
    this.filled += PIECE;
    if (this.filled === MEASURED) {
      this.say({ level: level(this.measured) });
      this.filled = 0;
    }
    this.ready = this.resampler.next(this.piece);
  }

  private tell(marks: string[]): void {
    if (marks.length > 0) this.say({ marks });
  }

  private say(message: FromPlayback): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has none
    this.port.postMessage(message);
  }
}

registerProcessor('playback', Playback);
