/** Who is signed in, for whatever offers to do something. */
import { createContext, use } from 'react';
import type { Role, Session } from '../api/types';

export const SessionContext = createContext<Session>({ role: 'viewer', name: null, expires_at: null, open: false });

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

export function useSession(): Session {
  return use(SessionContext);
}

export function mayBe(role: Role, wanted: Role): boolean {
  return RANK[role] >= RANK[wanted];
}

/** What a person may not do is not offered; the server asks again. */
export function useMay(role: Role): boolean {
  return mayBe(useSession().role, role);
}
