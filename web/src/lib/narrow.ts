/** Whether the navigation is at the foot of the screen: as `shell.css` has it. */
import { useSyncExternalStore } from 'react';

const narrow = window.matchMedia('(max-width: 860px)');

function listen(listener: () => void): () => void {
  narrow.addEventListener('change', listener);
  return () => narrow.removeEventListener('change', listener);
}

export function useNarrow(): boolean {
  return useSyncExternalStore(listen, () => narrow.matches);
}
