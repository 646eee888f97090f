/** A call from this page: asks for it, streams, and does what the carrier does when the stream is lost: it asks what is next. */
import { ApiError, send } from '../api/client';
import type { StreamTicket, TestCall as Opened } from '../api/types';
import { Handset, openMicrophone, release } from './handset';
import { type Key, Leg, streamSid } from './leg';
import { INSECURE, LOST, ofMicrophone, ofServer, REFUSED, type Trouble, UNPLUGGED } from './trouble';

export type State = 'idle' | 'opening' | 'connected' | 'reconnecting' | 'over';

export interface View {
  state: State;
  call: Opened | null;
  sinceMs: number | null;
  isMuted: boolean;
  trouble: Trouble | null;
}

export interface Levels {
  caller: number;
  agent: number;
}

const IDLE: View = { state: 'idle', call: null, sinceMs: null, isMuted: false, trouble: null };
const SILENT: Levels = { caller: 0, agent: 0 };

const PROTOCOL = 'voicebridge.call';
const TOKEN = 'voicebridge.token.';
/** The bridge waits no longer for a stream that is to come back. */
const PATIENCE_MS = 15_000;
const ASK_AGAIN_MS = 1_000;
/** Streams in a row that were refused, at the door or right behind it. */
const MOST_REFUSALS = 3;
const SHORTEST_STREAM_MS = 1_000;
/** What waits to be sent; more of it is a line that is too thin, and late sound is worse than a gap. */
const MOST_UNSENT_BYTES = 32_768;
const [GONE, OVER] = [404, 409];

type Listener = () => void;

export class TestCall {
  private seen: View = IDLE;
  private heard: Levels = SILENT;
  private readonly listeners = new Set<Listener>();
  private handset: Handset | null = null;
  private socket: WebSocket | null = null;
  private leg: Leg | null = null;
  private lostAtMs: number | null = null;
  private refusals = 0;
  /** Counts calls: what belongs to one that is over is not heeded. */
  private round = 0;

  subscribe = (listener: Listener): Listener => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  view = (): View => this.seen;
  levels = (): Levels => this.heard;

  async start(agent: string | null, device: string | null): Promise<void> {
    const round = ++this.round;
    this.change({ ...IDLE, state: 'opening' });
    if (!window.isSecureContext || !navigator.mediaDevices) return this.fail(INSECURE);
    let microphone: MediaStream;
    try {
      microphone = await openMicrophone(device);
    } catch (error) {
      return this.isNow(round) ? this.fail(ofMicrophone(error)) : undefined;
    }
    try {
      const handset = await this.pickUp(round, microphone);
      if (!handset) return;
      const call = await send<Opened>('POST', '/api/test-calls', agent ? { agent } : {});
      if (!this.isNow(round)) return;
      this.change({ call });
      this.attach(round, call.stream);
    } catch (error) {
      release(microphone);
      if (this.isNow(round)) this.fail(ofServer(error));
    }
  }

  private async pickUp(round: number, microphone: MediaStream): Promise<Handset | null> {
    const handset = await Handset.open(microphone, {
      frame: (mulaw) => this.speak(mulaw),
      marks: (names) => names.forEach((name) => this.say((leg) => leg.mark(name))),
      levels: (change) => this.hear(change),
      unplugged: () => this.change({ trouble: UNPLUGGED }),
    });
    if (!this.isNow(round)) {
      handset.close();
      return null;
    }
    this.handset = handset;
    handset.listen();
    return handset;
  }

  private attach(round: number, { url, token }: StreamTicket): void {
    const call = this.seen.call!.call;
    const stream = streamSid();
    const leg = new Leg(call, stream);
    const socket = new WebSocket(url, [PROTOCOL, TOKEN + token]);
    this.socket = socket;
    let openedAtMs: number | null = null;
    socket.addEventListener('open', () => {
      openedAtMs = Date.now();
      for (const text of leg.opening(token)) socket.send(text);
      this.leg = leg;
      this.lostAtMs = null;
      this.change({ state: 'connected', sinceMs: this.seen.sinceMs ?? Date.now() });
    });
    socket.addEventListener('message', ({ data }) => this.obey(leg.hear(String(data))));
    socket.addEventListener('close', () => {
      if (!this.isNow(round) || socket !== this.socket) return;
      this.leg = null;
      this.handset?.clear();
      const lastedMs = openedAtMs === null ? 0 : Date.now() - openedAtMs;
      this.refusals = lastedMs < SHORTEST_STREAM_MS ? this.refusals + 1 : 0;
      void this.comeBack(round);
    });
  }

  private obey(heard: ReturnType<Leg['hear']>): void {
    if (heard?.kind === 'play') this.handset?.play(heard.sound);
    if (heard?.kind === 'mark') this.handset?.mark(heard.name);
    if (heard?.kind === 'clear') this.handset?.clear();
  }

  /** The stream is gone, and we have not hung up: the call is over, or waits for another one. */
  private async comeBack(round: number): Promise<void> {
    if (this.refusals >= MOST_REFUSALS) return this.end(REFUSED);
    const since = (this.lostAtMs ??= Date.now());
    this.change({ state: 'reconnecting' });
    while (this.isNow(round) && Date.now() - since < PATIENCE_MS) {
      try {
        const ticket = await send<StreamTicket>('POST', `/api/test-calls/${this.seen.call!.call}/stream`);
        if (this.isNow(round)) this.attach(round, ticket);
        return;
      } catch (error) {
        if (!this.isNow(round)) return;
        if (error instanceof ApiError && (error.status === OVER || error.status === GONE)) return this.end(null);
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      }
    }
    if (this.isNow(round)) this.end(LOST);
  }

  private speak(mulaw: Uint8Array): void {
    if (!this.leg) return;
    if (this.socket && this.socket.bufferedAmount > MOST_UNSENT_BYTES) this.leg.skip();
    else this.say((leg) => leg.frame(mulaw));
  }

  private say(message: (leg: Leg) => string): void {
    if (this.leg && this.socket?.readyState === WebSocket.OPEN) this.socket.send(message(this.leg));
  }

  press(key: Key): void {
    this.say((leg) => leg.key(key));
  }

  mute(isMuted: boolean): void {
    this.handset?.mute(isMuted);
    this.change({ isMuted });
  }

  async takeMicrophone(device: string | null): Promise<void> {
    try {
      await this.handset?.change(device);
      this.change({ trouble: null });
    } catch (error) {
      this.change({ trouble: ofMicrophone(error) });
    }
  }

  hangUp = (): void => {
    this.say((leg) => leg.stop());
    if (this.seen.state !== 'idle') this.end(null);
  };

  private fail(trouble: Trouble): void {
    this.putDown();
    this.change({ ...IDLE, trouble });
  }

  private end(trouble: Trouble | null): void {
    this.putDown();
    this.change(this.seen.call ? { state: 'over', isMuted: false, trouble } : { ...IDLE, trouble });
  }

  private putDown(): void {
    this.round += 1;
    const { socket, handset } = this;
    [this.socket, this.handset, this.leg, this.lostAtMs, this.refusals] = [null, null, null, null, 0];
    socket?.close(1000);
    handset?.close();
    this.heard = SILENT;
  }

  private isNow(round: number): boolean {
    return this.round === round;
  }

  private hear(change: Partial<Levels>): void {
    this.heard = { ...this.heard, ...change };
    this.tell();
  }

  private change(change: Partial<View>): void {
    this.seen = { ...this.seen, ...change };
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
