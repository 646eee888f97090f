/** Around every page: where one can go, whether what one sees is live, how it looks, who is signed in. */
import {
  Activity, Bot, ChartColumn, CircleCheck, Ellipsis, Hash, History, Inbox, LogOut, type LucideIcon, Monitor, Moon, Music, PhoneCall, ScrollText, Sun,
} from 'lucide-react';
import { lazy, type ReactNode, Suspense, useEffect, useRef } from 'react';
import type { Role } from './api/types';
import icon from './icon.svg';
import { useNow } from './lib/now';
import { leave } from './lib/provider';
import { Link, usePath } from './lib/router';
import { mayBe, useSession } from './lib/session';
import { useNarrow } from './lib/narrow';
import { setTheme, type Theme, useTheme } from './lib/theme';
import { useCalls, useConnection } from './live/use';
import { buttonClass } from './ui/button';

const More = lazy(() => import('./ui/more'));

export interface Place {
  to: string;
  name: string;
  icon: LucideIcon;
  /** On a phone behind "More". */
  rest?: boolean;
  /** Nobody below is offered it. */
  role?: Role;
}

const PLACES: Place[] = [
  { to: '/live', name: 'Live', icon: Activity },
  { to: '/calls', name: 'History', icon: History },
  { to: '/insights', name: 'Insights', icon: ChartColumn, rest: true },
  { to: '/messages', name: 'Messages', icon: Inbox },
  { to: '/agents', name: 'Agents', icon: Bot },
  { to: '/test-call', name: 'Test call', icon: PhoneCall, rest: true },
  { to: '/numbers', name: 'Numbers', icon: Hash, rest: true },
  { to: '/hold-music', name: 'Hold music', icon: Music, rest: true },
  { to: '/setup', name: 'Setup', icon: CircleCheck, rest: true },
  { to: '/audit', name: 'Audit', icon: ScrollText, rest: true, role: 'admin' },
];

export interface ThemeOption {
  value: Theme;
  name: string;
  icon: LucideIcon;
}

const THEMES: ThemeOption[] = [
  { value: 'system', name: 'As the system', icon: Monitor },
  { value: 'light', name: 'Light', icon: Sun },
  { value: 'dark', name: 'Dark', icon: Moon },
];

function LiveCount() {
  const { calls } = useCalls();
  const running = calls?.filter((call) => call.status.status === 'in_progress').length ?? 0;
  return running > 0 ? (
    <span className="count">
      {running}
      <span className="hidden-text"> calls running</span>
    </span>
  ) : null;
}

function Waited({ until }: { until: number }) {
  const seconds = Math.max(0, Math.ceil((until - useNow()) / 1_000));
  return seconds > 0 ? `Reconnecting in ${seconds} s` : 'Reconnecting…';
}

function ConnectionState() {
  const connection = useConnection();
  return (
    <div className={`connection ${connection.state}`} role="status">
      <span className="dot" />
      <span>
        {connection.state === 'open' && 'Live'}
        {connection.state === 'connecting' && 'Connecting…'}
        {connection.state === 'absent' && 'Refreshed every 2 s'}
        {connection.state === 'waiting' && <Waited until={connection.retryAtMs} />}
      </span>
    </div>
  );
}

function ThemeChoice() {
  const theme = useTheme();
  return (
    <div className="segments" role="group" aria-label="Theme">
      {THEMES.map(({ value, name, icon: Icon }) => (
        <button
          key={value}
          type="button"
          className="segment grow"
          aria-label={name}
          aria-pressed={value === theme}
          onClick={() => setTheme(value)}
        >
          <Icon aria-hidden="true" />
        </button>
      ))}
    </div>
  );
}

/** In its place until the menu is there. */
function MoreLater() {
  return (
    <button type="button" className="more" disabled>
      <Ellipsis aria-hidden="true" /> More
    </button>
  );
}

function Navigation() {
  const path = usePath();
  const isNarrow = useNarrow();
  const { role } = useSession();
  const places = PLACES.filter((place) => !place.role || mayBe(role, place.role));
  const isHere = (to: string) => path === to || path.startsWith(`${to}/`) || (path === '/' && to === '/live');
  return (
    <nav className="nav" aria-label="Pages">
      {places.map(({ to, name, icon: Icon, rest }) => (
        <Link key={to} to={to} className={rest ? 'less' : ''} aria-current={isHere(to) ? 'page' : undefined}>
          <Icon aria-hidden="true" />
          {name}
          {to === '/live' && <LiveCount />}
        </Link>
      ))}
      {isNarrow && (
        <Suspense fallback={<MoreLater />}>
          <More places={places.filter(({ rest }) => rest)} themes={THEMES} isHere={places.some(({ to, rest }) => rest && isHere(to))} />
        </Suspense>
      )}
    </nav>
  );
}

function Brand() {
  return (
    <Link to="/live" className="brand">
      <img src={icon} alt="" /> voicebridge
    </Link>
  );
}

export function Shell({ children }: { children: ReactNode }) {
  const { open, role, name } = useSession();
  const path = usePath();
  const main = useRef<HTMLElement>(null);
  const shown = useRef(path);
  // A new page is read from its beginning, by those who have it read to them too.
  useEffect(() => {
    if (shown.current !== path) main.current?.focus({ preventScroll: true });
    shown.current = path;
  }, [path]);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="top">
        <Brand />
        <ConnectionState />
      </header>
      <div className="side">
        <Brand />
        <Navigation />
        <div className="foot">
          <ConnectionState />
          <ThemeChoice />
          {!open && (
            <button type="button" className={buttonClass('quiet', 'small')} onClick={leave}>
              <LogOut aria-hidden="true" /> Sign out <span className="faint">({name ?? role})</span>
            </button>
          )}
        </div>
      </div>
      <main id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}
