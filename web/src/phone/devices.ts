/** Which microphones there are. Their names are told to a page only once it has had one. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';

export interface Microphone {
  value: string;
  label: string;
}

const KEY = 'microphones';
const NONE: Microphone[] = [];

async function list(): Promise<Microphone[]> {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices
    .filter(({ kind, deviceId, label }) => kind === 'audioinput' && deviceId !== '' && deviceId !== 'default' && label !== '')
    .map(({ deviceId, label }) => ({ value: deviceId, label }));
}

/** Looked at anew when one is plugged in or out, and with each `state`. A browser that does not tell has one, as far as we know. */
export function useMicrophones(state: string): Microphone[] {
  const queries = useQueryClient();
  const { data } = useQuery({ queryKey: [KEY, state], queryFn: list, staleTime: Infinity, retry: false, placeholderData: (before) => before });
  useEffect(() => {
    const look = () => void queries.invalidateQueries({ queryKey: [KEY] });
    navigator.mediaDevices?.addEventListener('devicechange', look);
    return () => navigator.mediaDevices?.removeEventListener('devicechange', look);
  }, [queries]);
  return data ?? NONE;
}
