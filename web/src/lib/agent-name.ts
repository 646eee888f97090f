/** What an agent is called; the server leaves out the name that it has if nobody gives it one. */
import type { Call } from '../api/types';

export const USUAL_NAME = 'Receptionist';

export function agentName({ agent }: Call): string {
  return agent.name ?? USUAL_NAME;
}
