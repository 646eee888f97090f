/** Changes that are not saved yet: whoever looks at another page in between finds them again. Gone with the browser's tab. */
import { useSyncExternalStore } from 'react';
import type { Agent } from '../api/types';

/** What was changed, and what it was changed from. */
export interface Draft {
  base: number;
  agent: Agent;
}

const drafts = new Map<string, Draft>();
const listeners = new Set<() => void>();

export function keep(id: string, draft: Draft | null): void {
  if (draft) drafts.set(id, draft);
  else drafts.delete(id);
  for (const listener of listeners) listener();
}

export function useDraft(id: string): Draft | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => drafts.get(id) ?? null,
  );
}

/** The browser asks before it throws them away. */
window.addEventListener('beforeunload', (event) => {
  if (drafts.size > 0) event.preventDefault();
});
