/**
 * What the pages know of calls, kept fresh. The socket streams where there is one; until it is open, and where there is none, the
 * same is read over HTTP again and again. Pages see no difference but the delay.
 */
import type { Call, CallDetail } from '../api/types';
import { type Detail, type Entry, type Held, isOver, nothing, put, putSnapshot, view } from './entries';
import { type Connection, LiveSocket } from './socket';

/** Where it reads from. */
export interface Source {
  calls: (limit: number) => Promise<Call[]>;
  call: (sid: string) => Promise<CallDetail>;
  url: () => string;
  token: () => string | null;
  signedOut: () => void;
  problem: (title: string) => void;
}

const LIST_EVERY_MS = 2_000;
const LIST_WHILE_STREAMING_MS = 30_000;
const CALL_EVERY_MS = 1_000;
/** Of each running call on the Live page, when there are few; many take turns. */
const GLANCE_EVERY_MS = 3_000;
const GLANCES_AT_ONCE = 2;
const MOST_CALLS = 200;
const SETTLES_MS = 5_000;
/** What streams in within so long is shown together. */
const TOGETHER_MS = 40;

type Listener = () => void;
export type Sounding = Extract<Entry, { kind: 'audio' }>;
type Hearing = (sounding: Sounding) => void;

export class LiveStore {
  private readonly held = new Map<string, Held>();
  private readonly views = new Map<string, Detail>();
  private readonly listeners = new Set<Listener>();
  private readonly watched = new Map<string, number>();
  private readonly glancedAt = new Map<string, number>();
  private readonly overSince = new Map<string, number>();
  private readonly reading = new Set<string>();
  private readonly failed = new Map<string, Error>();
  private listening: { sid: string; hear: Hearing } | null = null;
  private socket: LiveSocket;
  private list: Call[] | null = null;
  private known = new Set<string>();
  private state: Connection = { state: 'connecting' };
  private listWatchers = 0;
  private readListAt = 0;
  private isReadingList = false;
  private listError: Error | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private telling: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly source: Source) {
    this.socket = new LiveSocket(source.url, source.token, {
      entries: (entries) => this.take(entries),
      connection: (connection) => this.become(connection),
      replayed: () => this.listenAgain(),
      problem: (title) => this.source.problem(title),
      missed: () => this.readAnew(),
      refused: source.signedOut,
    });
  }

  start(): void {
    this.socket.start();
    this.timer ??= setInterval(() => this.tick(), 500);
  }

  stop(): void {
    this.socket.stop();
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** The session goes on under another token. */
  renew(): void {
    this.socket.hello();
  }

  /** To one call at a time, until what is returned is called. */
  listen(sid: string, hear: Hearing): Listener {
    this.listening = { sid, hear };
    this.socket.send({ action: 'listen', call: sid });
    return () => {
      if (this.listening?.hear !== hear) return;
      this.listening = null;
      this.socket.send({ action: 'unlisten' });
    };
  }

  private listenAgain(): void {
    if (this.listening) this.socket.send({ action: 'listen', call: this.listening.sid });
  }

  /** Everything that was learned under another session goes with it. */
  forget(): void {
    this.stop();
    for (const map of [this.held, this.views, this.glancedAt, this.failed]) map.clear();
    this.list = null;
    this.known.clear();
    this.readListAt = 0;
  }

  subscribe = (listener: Listener): Listener => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  connection = (): Connection => this.state;
  /** Newest first; `null`: not read yet. */
  calls = (): Call[] | null => this.list;
  callsError = (): Error | null => this.listError;
  detail = (sid: string): Detail | null => this.views.get(sid) ?? null;
  detailError = (sid: string): Error | null => this.failed.get(sid) ?? null;

  watchList(): Listener {
    this.listWatchers += 1;
    this.tick();
    return () => {
      this.listWatchers -= 1;
    };
  }

  watchCall(sid: string): Listener {
    this.watched.set(sid, (this.watched.get(sid) ?? 0) + 1);
    void this.readCall(sid);
    return () => {
      const left = (this.watched.get(sid) ?? 1) - 1;
      if (left > 0) this.watched.set(sid, left);
      else this.watched.delete(sid);
    };
  }

  /** After something was done to it, whose effect one wants to see. */
  refresh(sid: string): void {
    void this.readCall(sid);
    this.readListAt = 0;
  }

  private get isStreaming(): boolean {
    return this.state.state === 'open';
  }

  private become(connection: Connection): void {
    this.state = connection;
    // What happened between the last answer and the socket's cursor is in neither.
    if (connection.state === 'open') this.readAnew();
    this.tell();
  }

  private readAnew(): void {
    this.readListAt = 0;
    this.glancedAt.clear();
    for (const sid of this.watched.keys()) void this.readCall(sid);
  }

  private tick(): void {
    const now = Date.now();
    const listAge = now - this.readListAt;
    if (this.listWatchers > 0 && listAge >= (this.isStreaming ? LIST_WHILE_STREAMING_MS : LIST_EVERY_MS)) void this.readList();
    for (const sid of this.watched.keys()) {
      const call = this.held.get(sid)?.call;
      const isSettled = call && (this.isStreaming || this.isLongOver(call, now));
      if (!isSettled && now - (this.glancedAt.get(sid) ?? 0) >= CALL_EVERY_MS) void this.readCall(sid);
    }
    if (this.listWatchers > 0) this.glance(now);
  }

  /** Its last events are written a moment after its end. */
  private isLongOver(call: Call, now: number): boolean {
    if (!isOver(call)) return false;
    const since = this.overSince.get(call.sid) ?? now;
    this.overSince.set(call.sid, since);
    return now - since >= SETTLES_MS;
  }

  /** Cost and waits of the calls that run: they are in no list. */
  private glance(now: number): void {
    const due = (this.list ?? [])
      .filter((call) => call.status.status === 'in_progress')
      .map((call) => ({ sid: call.sid, at: this.glancedAt.get(call.sid) ?? 0 }))
      .filter(({ at }) => (this.isStreaming ? at === 0 : now - at >= GLANCE_EVERY_MS))
      .toSorted((one, other) => one.at - other.at);
    for (const { sid } of due.slice(0, Math.max(0, GLANCES_AT_ONCE - this.reading.size))) void this.readCall(sid);
  }

  private async readList(): Promise<void> {
    if (this.isReadingList) return;
    this.isReadingList = true;
    this.readListAt = Date.now();
    try {
      const calls = await this.source.calls(MOST_CALLS);
      this.listError = null;
      for (const call of calls) this.hold(call.sid).call = call;
      this.known = new Set(calls.map((call) => call.sid));
      this.sortList();
    } catch (error) {
      this.listError = error as Error;
    } finally {
      this.isReadingList = false;
      this.tell();
    }
  }

  private async readCall(sid: string): Promise<void> {
    if (this.reading.has(sid)) return;
    this.reading.add(sid);
    try {
      const detail = await this.source.call(sid);
      putSnapshot(this.hold(sid), detail, this.isStreaming);
      this.failed.delete(sid);
      this.show(sid);
    } catch (error) {
      this.failed.set(sid, error as Error);
    } finally {
      this.glancedAt.set(sid, Date.now());
      this.reading.delete(sid);
      this.tell();
    }
  }

  private take(entries: Entry[]): void {
    const touched = new Set<string>();
    let isListed = false;
    for (const entry of entries) {
      if (entry.kind === 'audio') {
        if (entry.call === this.listening?.sid) this.listening.hear(entry);
        continue;
      }
      const sid = entry.kind === 'call' ? entry.call.sid : entry.call;
      put(this.hold(sid), entry);
      touched.add(sid);
      if (entry.kind === 'call') {
        this.known.add(sid);
        isListed = true;
      }
    }
    for (const sid of touched) this.show(sid);
    if (isListed && this.list) this.sortList();
    this.tell();
  }

  private hold(sid: string): Held {
    const held = this.held.get(sid) ?? nothing();
    this.held.set(sid, held);
    return held;
  }

  private show(sid: string): void {
    const seen = view(this.hold(sid));
    if (seen) this.views.set(sid, seen);
  }

  private sortList(): void {
    const calls = [...this.known].flatMap((sid) => this.held.get(sid)?.call ?? []);
    this.list = calls.toSorted((one, other) => other.began_at_ms - one.began_at_ms);
  }

  private tell(): void {
    this.telling ??= setTimeout(() => {
      this.telling = undefined;
      for (const listener of this.listeners) listener();
    }, TOGETHER_MS);
  }
}
