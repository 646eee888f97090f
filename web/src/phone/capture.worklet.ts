/** In the sound card's own thread: the microphone becomes frames of µ-law. */
import { encode, FRAME, level, RATE } from './codec';
import { Resampler } from './resample';

class Capture extends AudioWorkletProcessor {
  private readonly resampler = new Resampler(sampleRate, RATE);
  private readonly frame = new Float32Array(FRAME);
  private filled = 0;

  process([input]: Float32Array[][]): boolean {
    const sound = input?.[0];
    if (!sound) return true;
    for (const sample of this.resampler.next(sound)) {
      this.frame[this.filled++] = sample;
      if (this.filled === FRAME) this.send();
    }
    return true;
  }

  private send(): void {
    const mulaw = Uint8Array.from(this.frame, encode);
    this.port.postMessage({ mulaw, level: level(this.frame) }, [mulaw.buffer]);
    this.filled = 0;
  }
}

registerProcessor('capture', Capture);
