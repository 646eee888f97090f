/**
 * The carrier's side of a stream, as Twilio speaks it: what a page says to the bridge, and what the bridge's words mean. No sockets and
 * no sound in here.
 */
import { base64, FRAME, RATE, samples } from './codec';

export type Heard = { kind: 'play'; sound: Float32Array } | { kind: 'mark'; name: string } | { kind: 'clear' };

/** What a telephone has. */
export const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'] as const;
export type Key = (typeof KEYS)[number];

const FRAME_MS = (FRAME * 1_000) / RATE;
/** A page is no account of Twilio's. */
const ACCOUNT = `AC${'0'.repeat(32)}`;

/** Thirty-two hexadecimal digits that nobody has had before. */
export function streamSid(): string {
  return `MZ${crypto.randomUUID().replaceAll('-', '')}`;
}

/** What is said over one stream. Each message is numbered, and each frame has its place in time. */
export class Leg {
  private sequence = 0;
  private frames = 0;

  constructor(
    private readonly call: string,
    private readonly stream: string,
  ) {}

  opening(token: string): string[] {
    const start = {
      accountSid: ACCOUNT,
      streamSid: this.stream,
      callSid: this.call,
      tracks: ['inbound'],
      mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: RATE, channels: 1 },
      customParameters: { token },
    };
    return [JSON.stringify({ event: 'connected', protocol: 'Call', version: '1.0.0' }), this.message('start', start)];
  }

  /** A frame of the microphone's. */
  frame(mulaw: Uint8Array): string {
    const timestamp = String(this.frames * FRAME_MS);
    this.frames += 1;
    return this.message('media', { track: 'inbound', chunk: String(this.frames), timestamp, payload: base64(mulaw) });
  }

  /** A frame that is not sent: there is a gap where it would have been. */
  skip(): void {
    this.frames += 1;
  }

  key(digit: Key): string {
    return this.message('dtmf', { track: 'inbound_track', digit });
  }

  /** What stood before it has been heard, or was cleared. */
  mark(name: string): string {
    return this.message('mark', { name });
  }

  stop(): string {
    return this.message('stop', { accountSid: ACCOUNT, callSid: this.call });
  }

  /** `null`: nothing for a caller. Messages of another stream are none of ours. */
  hear(text: string): Heard | null {
    let message: { event?: unknown; streamSid?: unknown; media?: { payload?: unknown }; mark?: { name?: unknown } } | null;
    try {
      message = JSON.parse(text) as typeof message;
    } catch {
      return null;
    }
    if (message?.streamSid !== this.stream) return null;
    switch (message.event) {
      case 'media': {
        const sound = typeof message.media?.payload === 'string' ? samples(message.media.payload) : null;
        return sound && { kind: 'play', sound };
      }
      case 'mark':
        return typeof message.mark?.name === 'string' ? { kind: 'mark', name: message.mark.name } : null;
      case 'clear':
        return { kind: 'clear' };
      default:
        return null;
    }
  }

  private message(event: string, body: object): string {
    this.sequence += 1;
    return JSON.stringify({ event, sequenceNumber: String(this.sequence), streamSid: this.stream, [event]: body });
  }
}
