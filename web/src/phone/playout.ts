/**
 * What the agent says, on its way to the speakers: played without gaps once it has begun, marks told when what stands before them has
 * been heard, all of it dropped when it is cleared. As the carrier plays it.
 */

/** Kept in hand before a piece begins, so that one that comes a little late is still in time. */
const IN_HAND = 480;

type Entry = { sound: Float32Array } | { mark: string };

export class Playout {
  private queue: Entry[] = [];
  /** Samples of the first entry that have been played. */
  private played = 0;
  private held = 0;
  private waited = 0;
  private isPlaying = false;

  push(sound: Float32Array): void {
    if (sound.length === 0) return;
    this.queue.push({ sound });
    this.held += sound.length;
  }

  mark(name: string): void {
    this.queue.push({ mark: name });
  }

  /** The marks that were not reached: the carrier sends them back all the same. */
  clear(): string[] {
    const marks = this.queue.flatMap((entry) => ('mark' in entry ? [entry.mark] : []));
    this.queue = [];
    this.stop();
    return marks;
  }

  /** Fills `out`, with silence where there is nothing; the marks that were reached. */
  pull(out: Float32Array): string[] {
    const marks: string[] = [];
    let filled = 0;
    if (this.begins(out.length)) {
      while (filled < out.length && this.queue.length > 0) filled += this.take(out.subarray(filled), marks);
    }
    this.takeMarks(marks);
    if (this.held === 0) this.stop();
    out.fill(0, filled);
    return marks;
  }

  private begins(wanted: number): boolean {
    if (this.held === 0) return false;
    this.waited += wanted;
    this.isPlaying ||= this.held >= IN_HAND || this.waited > IN_HAND;
    return this.isPlaying;
  }

  private take(out: Float32Array, marks: string[]): number {
    const entry = this.queue[0]!;
    if ('mark' in entry) {
      marks.push(entry.mark);
      this.queue.shift();
      return 0;
    }
    const piece = entry.sound.subarray(this.played, this.played + out.length);
    out.set(piece);
    this.played += piece.length;
    this.held -= piece.length;
    if (this.played === entry.sound.length) {
      this.queue.shift();
      this.played = 0;
    }
    return piece.length;
  }

  /** Those before which nothing is left. */
  private takeMarks(marks: string[]): void {
    for (let first = this.queue[0]; first && 'mark' in first; first = this.queue[0]) {
      marks.push(first.mark);
      this.queue.shift();
    }
  }

  private stop(): void {
    this.played = 0;
    this.held = 0;
    this.waited = 0;
    this.isPlaying = false;
  }
}
