/** Addresses of the console, below /console: which page is shown, and how to get to another without loading everything again. */
import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from 'react';

const BASE = '/console';
const changed = new Set<() => void>();
function listen(listener: () => void): () => void {
  changed.add(listener);
  window.addEventListener('popstate', listener);
  return () => {
    changed.delete(listener);
    window.removeEventListener('popstate', listener);
  };
}

/** `/console/calls/CA1` → `/calls/CA1`. */
function here(): string {
  const path = window.location.pathname;
  const inner = path.startsWith(`${BASE}/`) ? path.slice(BASE.length) : '/';
  return inner.length > 1 && inner.endsWith('/') ? inner.slice(0, -1) : inner;
}

export function usePath(): string {
  return useSyncExternalStore(listen, here);
}

export function useSearch(): URLSearchParams {
  return new URLSearchParams(useSyncExternalStore(listen, () => window.location.search));
}

export function go(path: string, how: 'push' | 'replace' = 'push'): void {
  const isAnotherPage = path.split(/[?#]/)[0] !== here();
  const url = `${BASE}${path}`;
  if (how === 'push') window.history.pushState(null, '', url);
  else window.history.replaceState(null, '', url);
  for (const listener of changed) listener();
  if (how === 'push' && isAnotherPage) window.scrollTo(0, 0);
}

export function href(path: string): string {
  return `${BASE}${path}`;
}

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  to: string;
}

/** A real link: it can be opened in another tab, copied and focused. */
export function Link({ to, onClick, children, ...rest }: LinkProps) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (event.defaultPrevented || !isPlain) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={href(to)} onClick={follow} {...rest}>
      {children}
    </a>
  );
}
