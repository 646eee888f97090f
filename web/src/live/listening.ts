/**
 * Listening in: what sounds in a call, a moment later, through the browser's speakers. Both sides come in pieces with their place on
 * the call's clock; silence is not sent.
 */
import { RATE, samples } from '../phone/codec';
import type { Sounding } from './store';

/** Kept in hand, so that a piece that comes late is still in time. */
const IN_HAND_S = 0.4;
/** What lies further ahead than this belongs to a clock that was wrong. */
const FURTHEST_S = 3;

/** When pieces are to sound: by the call's clock, which stands still for nobody, and anew when one comes too late. */
export class Schedule {
  private base: number | null = null;

  /** Where a piece that begins at `from` samples is put, on the clock whose time is `now` seconds. */
  at(from: number, now: number): number {
    const place = this.base === null ? null : this.base + from / RATE;
    if (place !== null && place >= now && place <= now + FURTHEST_S) return place;
    this.base = now + IN_HAND_S - from / RATE;
    return now + IN_HAND_S;
  }
}

export class Speakers {
  private readonly context = new AudioContext();
  private readonly schedule = new Schedule();

  hear({ from, mulaw: sound }: Sounding): void {
    const piece = samples(sound);
    if (!piece || piece.length === 0) return;
    const buffer = this.context.createBuffer(1, piece.length, RATE);
    buffer.copyToChannel(piece, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    source.start(this.schedule.at(from, this.context.currentTime));
  }

  stop(): void {
    void this.context.close();
  }
}
