/** The live store, for components. */
import { useEffect, useSyncExternalStore } from 'react';
import { get, signOut, token } from '../api/client';
import type { Call, CallDetail } from '../api/types';
import type { Detail } from './entries';
import type { Connection } from './socket';
import { tellTrouble } from '../ui/feedback';
import { LiveStore } from './store';

function socketUrl(): string {
  const url = new URL('/logs', window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

export const live = new LiveStore({
  calls: async (limit) => (await get<{ calls: Call[] }>(`/calls?limit=${limit}`)).calls,
  call: (sid) => get<CallDetail>(`/calls/${sid}`),
  url: socketUrl,
  token,
  signedOut: signOut,
  problem: (title) => tellTrouble('Not done', title),
});

export function useConnection(): Connection {
  return useSyncExternalStore(live.subscribe, live.connection);
}

export function useCalls(): { calls: Call[] | null; error: Error | null } {
  useEffect(() => live.watchList(), []);
  const calls = useSyncExternalStore(live.subscribe, live.calls);
  const error = useSyncExternalStore(live.subscribe, live.callsError);
  return { calls, error };
}

/** As it is known; whoever watches the list has it read now and then. */
export function useGlance(sid: string): Detail | null {
  return useSyncExternalStore(live.subscribe, () => live.detail(sid));
}

export function useCall(sid: string): { detail: Detail | null; error: Error | null } {
  useEffect(() => live.watchCall(sid), [sid]);
  const detail = useSyncExternalStore(live.subscribe, () => live.detail(sid));
  const error = useSyncExternalStore(live.subscribe, () => live.detailError(sid));
  return { detail, error };
}
