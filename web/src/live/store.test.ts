import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Call, CallDetail } from '../api/types';
import { backoff } from './socket';
import { LiveStore } from './store';

/** What the browser has, told by the test what to do. */
class FakeSocket extends EventTarget {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  constructor(readonly url: string) {
    super();
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }
  says(message: object) {
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
  }
  close() {
    this.readyState = 3;
    this.dispatchEvent(new Event('close'));
  }
}

const call = (sid: string, status = 'in_progress'): Call =>
  ({ sid, from: '+1', to: '+2', began_at_ms: Number(sid.slice(2)), status: { status, ending: 'caller_hung_up' }, agent: { id: 'a' } }) as unknown as Call;

function world() {
  const calls = new Map<string, CallDetail>();
  const asked = { list: 0, call: [] as string[] };
  const signedOut = vi.fn<() => void>();
  const store = new LiveStore({
    calls: async () => {
      asked.list += 1;
      return [...calls.values()].map((detail) => detail.call);
    },
    call: async (sid) => {
      asked.call.push(sid);
      const found = calls.get(sid);
      if (!found) throw new Error('there is nothing here');
      return found;
    },
    url: () => 'ws://here/logs',
    token: () => 'secret',
    signedOut,
    problem: () => undefined,
  });
  const has = (seen: Call) => calls.set(seen.sid, { call: seen, transcript: [], events: [] });
  return { store, asked, has, signedOut };
}

const last = () => FakeSocket.all.at(-1)!;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
  FakeSocket.all = [];
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('without a socket the list and the watched call are read again and again, until the call is over', async () => {
  const { store, asked, has } = world();
  has(call('CA1'));
  store.start();
  last().close();
  store.watchList();
  const leave = store.watchCall('CA1');
  await vi.advanceTimersByTimeAsync(6_000);
  expect(store.connection()).toEqual({ state: 'absent' });
  expect(asked.list).toBeGreaterThanOrEqual(3);
  expect(asked.call.length).toBeGreaterThanOrEqual(5);
  expect(store.calls()).toHaveLength(1);
  has(call('CA1', 'ended'));
  await vi.advanceTimersByTimeAsync(10_000);
  const before = asked.call.length;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked.call.length).toBe(before);
  leave();
  store.stop();
});

test('the socket says who it is, and goes on from where it was when it comes back', async () => {
  const { store } = world();
  store.start();
  last().open();
  expect(last().sent).toEqual([{ action: 'hello', token: 'secret' }]);
  last().says({ type: 'hello', role: 'viewer', cursor: 'c1' });
  expect(store.connection()).toEqual({ state: 'open' });
  last().says({ type: 'entries', cursor: 'c2', entries: [] });
  last().says({ type: 'entries', entries: [] });
  last().close();
  expect(store.connection()).toMatchObject({ state: 'waiting', attempt: 1 });
  await vi.advanceTimersByTimeAsync(600);
  expect(FakeSocket.all).toHaveLength(2);
  last().open();
  expect(last().sent).toEqual([{ action: 'hello', token: 'secret', since: 'c2' }]);
  store.stop();
});

test('what streams in is shown together, newest call first, and no call twice', async () => {
  const { store, has } = world();
  has(call('CA1'));
  store.watchList();
  store.start();
  last().open();
  last().says({ type: 'hello', cursor: 'c' });
  await vi.advanceTimersByTimeAsync(100);
  const told = vi.fn<() => void>();
  store.subscribe(told);
  const line = { number: 1, at: 5, speaker: 'agent', item: 'i', text: 'Hello', interrupted: null };
  last().says({ type: 'entries', cursor: 'd', entries: [{ kind: 'call', call: call('CA2') }, { kind: 'call', call: call('CA2') }] });
  last().says({ type: 'entries', cursor: 'e', entries: [{ kind: 'line', call: 'CA2', fence: 1, final: false, line }] });
  await vi.advanceTimersByTimeAsync(50);
  expect(store.calls()?.map(({ sid }) => sid)).toEqual(['CA2', 'CA1']);
  expect(store.detail('CA2')?.transcript.map(({ text }) => text)).toEqual(['Hello']);
  expect(told.mock.calls.length).toBe(1);
  store.stop();
});

test('a silent socket is given up, one that answers is kept', async () => {
  const { store } = world();
  store.start();
  const socket = last();
  socket.open();
  socket.says({ type: 'hello', cursor: 'c' });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(socket.sent.at(-1)).toEqual({ action: 'ping' });
  socket.says({ type: 'pong' });
  await vi.advanceTimersByTimeAsync(15_000);
  expect(store.connection()).toEqual({ state: 'open' });
  await vi.advanceTimersByTimeAsync(15_000 + 10_000);
  expect(socket.readyState).toBe(3);
  store.stop();
});

test('one listens to one call, again after the socket was lost, and no more', () => {
  const { store } = world();
  store.start();
  last().open();
  const heard: number[] = [];
  const leave = store.listen('CA1', ({ from }) => heard.push(from));
  const sounds = (call: string, from: number) => ({ kind: 'audio', call, from, side: 'agent', mulaw: '' });
  last().says({ type: 'entries', entries: [sounds('CA1', 80), sounds('CA2', 160)] });
  expect(heard).toEqual([80]);
  last().says({ type: 'entries', cursor: 'c', replayed: true, entries: [] });
  expect(last().sent.map(({ action }) => action)).toEqual(['hello', 'listen', 'listen']);
  leave();
  expect(last().sent.at(-1)).toEqual({ action: 'unlisten' });
  last().says({ type: 'entries', entries: [sounds('CA1', 240)] });
  expect(heard).toEqual([80]);
  store.stop();
});

test('whoever is refused is asked to sign in, and does not come again', async () => {
  const { store, signedOut } = world();
  store.start();
  last().open();
  last().says({ type: 'refused', status: 401, title: 'the token has expired; sign in again' });
  last().close();
  expect(signedOut).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(FakeSocket.all).toHaveLength(1);
});

test('waits grow, to a quarter of a minute at most, and differ', () => {
  expect([0, 1, 2, 10].map((attempt) => backoff(attempt, 1))).toEqual([500, 1_000, 2_000, 15_000]);
  expect(backoff(10, 0)).toBe(7_500);
});
