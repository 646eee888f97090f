/** One clock for all that counts seconds on a page. */
import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let now = Date.now();
let timer: number | undefined;

function listen(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= window.setInterval(() => {
    now = Date.now();
    for (const told of listeners) told();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    window.clearInterval(timer);
    timer = undefined;
  };
}

/** Unix milliseconds, a second old at most. */
export function useNow(): number {
  return useSyncExternalStore(listen, () => {
    if (timer === undefined) now = Math.floor(Date.now() / 1_000) * 1_000;
    return now;
  });
}

/** The local midnight before now: it changes once a day, and so does whatever is made of it. */
export function useToday(): number {
  return useSyncExternalStore(listen, () => new Date().setHours(0, 0, 0, 0));
}
