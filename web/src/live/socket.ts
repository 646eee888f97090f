/** The live socket: says hello with the cursor of what it has seen, and comes back when it is lost. */
import type { Entry } from './entries';

export type Connection =
  | { state: 'connecting' }
  | { state: 'open' }
  /** It was open and is lost; tried again at `retryAtMs`. */
  | { state: 'waiting'; retryAtMs: number; attempt: number }
  /** This server has none, as far as we know. */
  | { state: 'absent' };

interface Message {
  type: string;
  cursor?: string;
  entries?: Entry[];
  /** All that was missed has been told; before that nothing else is to be asked. */
  replayed?: boolean;
  /** There was more than is told again. */
  truncated?: boolean;
  status?: number;
  title?: string;
}

export interface Handlers {
  entries: (entries: Entry[]) => void;
  /** The server says that something was not done. */
  problem: (title: string) => void;
  connection: (connection: Connection) => void;
  replayed: () => void;
  /** What is known is not all. */
  missed: () => void;
  /** The server will not have us: the session is over. */
  refused: () => void;
}

const PING_MS = 30_000;
const PONG_WITHIN_MS = 10_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** A server that never had the socket is asked rarely. */
const ABSENT_WAIT_MS = 60_000;
const UNAUTHORIZED = 401;

/** Twice as long each time, and not all pages of a building at once. */
export function backoff(attempt: number, random: number): number {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return Math.round(longest / 2 + (longest / 2) * random);
}

export class LiveSocket {
  private socket: WebSocket | null = null;
  private cursor: string | undefined;
  private attempt = 0;
  private wasOpen = false;
  private isRefused = false;
  private timers = new Set<ReturnType<typeof setTimeout>>();
  private pong: ReturnType<typeof setTimeout> | undefined;
  private isStopped = true;

  constructor(
    private readonly url: () => string,
    private readonly token: () => string | null,
    private readonly handlers: Handlers,
  ) {}

  start(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    this.isRefused = false;
    this.connect();
  }

  stop(): void {
    this.isStopped = true;
    this.forgetTimers();
    this.socket?.close();
    this.socket = null;
  }

  send(message: Record<string, unknown>): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private connect(): void {
    this.handlers.connection({ state: 'connecting' });
    const socket = new WebSocket(this.url());
    this.socket = socket;
    socket.addEventListener('open', () => this.hello());
    socket.addEventListener('message', ({ data }) => this.read(socket, String(data)));
    socket.addEventListener('close', () => this.lost(socket));
  }

  /** Again with a token that was renewed: the socket goes on with that. */
  hello(): void {
    this.send({ action: 'hello', token: this.token() ?? undefined, since: this.cursor });
  }

  private read(socket: WebSocket, text: string): void {
    if (socket !== this.socket) return;
    const message = JSON.parse(text) as Message;
    switch (message.type) {
      case 'hello':
        this.attempt = 0;
        this.wasOpen = true;
        this.handlers.connection({ state: 'open' });
        this.keepAlive(socket);
        break;
      case 'entries':
        this.handlers.entries(message.entries ?? []);
        this.cursor = message.cursor ?? this.cursor;
        if (message.truncated) this.handlers.missed();
        if (message.replayed) this.handlers.replayed();
        break;
      case 'pong':
        clearTimeout(this.pong);
        break;
      case 'problem':
        this.handlers.problem(message.title ?? 'That was not done');
        break;
      case 'refused':
        if (message.status === UNAUTHORIZED) this.isRefused = true;
        break;
    }
  }

  private keepAlive(socket: WebSocket): void {
    this.after(PING_MS, () => {
      if (socket !== this.socket) return;
      this.send({ action: 'ping' });
      this.pong = this.after(PONG_WITHIN_MS, () => socket.close());
      this.keepAlive(socket);
    });
  }

  private lost(socket: WebSocket): void {
    if (socket !== this.socket || this.isStopped) return;
    this.forgetTimers();
    this.socket = null;
    if (this.isRefused) {
      this.isStopped = true;
      this.handlers.refused();
      return;
    }
    const wait = this.wasOpen ? backoff(this.attempt++, Math.random()) : ABSENT_WAIT_MS;
    this.handlers.connection(
      this.wasOpen
        ? { state: 'waiting', retryAtMs: Date.now() + wait, attempt: this.attempt }
        : { state: 'absent' },
    );
    this.after(wait, () => this.connect());
  }

  private after(ms: number, then: () => void): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      then();
    }, ms);
    this.timers.add(timer);
    return timer;
  }

  private forgetTimers(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }
}
