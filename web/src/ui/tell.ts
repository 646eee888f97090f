/** What was done or went wrong, told in passing: kept until there is something to show it. */

export interface News {
  title: string;
  description?: string;
  type: 'success' | 'error';
}

const waiting: News[] = [];
const listeners = new Set<() => void>();
let count = 0;

function add(news: News): void {
  waiting.push(news);
  count += 1;
  for (const listener of listeners) listener();
}

export function tell(title: string, description?: string): void {
  add({ title, type: 'success', ...(description ? { description } : {}) });
}

export function tellTrouble(title: string, error: unknown): void {
  add({ title, type: 'error', description: error instanceof Error ? error.message : String(error) });
}

/** How much was told since the page was loaded. */
export function told(): number {
  return count;
}

export function whenTold(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What nobody has shown yet. */
export function take(): News[] {
  return waiting.splice(0);
}
