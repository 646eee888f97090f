/** Around every page: where one can go, whether what one sees is live, how it looks, who is signed in. */
import { Menu } from '@base-ui/react/menu';
import { ToggleGroup } from '@base-ui/react/toggle-group';
import { Toggle } from '@base-ui/react/toggle';
import {
  Activity, Bot, CircleCheck, Ellipsis, Hash, History, Inbox, LogOut, type LucideIcon, Monitor, Moon, Music, PhoneCall, Sun,
} from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { signOut } from './api/client';
import icon from './icon.svg';
import { useNow } from './lib/now';
import { go, Link, usePath } from './lib/router';
import { useSession } from './lib/session';
import { setTheme, type Theme, useTheme } from './lib/theme';
import { useCalls, useConnection } from './live/use';
import { buttonClass } from './ui/controls';

interface Place {
  to: string;
  name: string;
  icon: LucideIcon;
  /** On a phone behind "More". */
  rest?: boolean;
}

const PLACES: Place[] = [
  { to: '/live', name: 'Live', icon: Activity },
  { to: '/calls', name: 'History', icon: History },
  { to: '/messages', name: 'Messages', icon: Inbox },
  { to: '/agents', name: 'Agents', icon: Bot },
  { to: '/test-call', name: 'Test call', icon: PhoneCall, rest: true },
  { to: '/numbers', name: 'Numbers', icon: Hash, rest: true },
  { to: '/hold-music', name: 'Hold music', icon: Music, rest: true },
  { to: '/setup', name: 'Setup', icon: CircleCheck, rest: true },
];

const THEMES: { value: Theme; name: string; icon: LucideIcon }[] = [
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
    <ToggleGroup
      className="segments"
      aria-label="Theme"
      value={[theme]}
      onValueChange={(value) => value[0] && setTheme(value[0] as Theme)}
    >
      {THEMES.map(({ value, name, icon: Icon }) => (
        <Toggle key={value} value={value} className="segment grow" aria-label={name}>
          <Icon aria-hidden="true" />
        </Toggle>
      ))}
    </ToggleGroup>
  );
}

function More({ isHere }: { isHere: boolean }) {
  const theme = useTheme();
  const { open } = useSession();
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className="more" aria-current={isHere ? 'page' : undefined}>
        <Ellipsis aria-hidden="true" /> More
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner className="positioner" sideOffset={8} align="end">
          <Menu.Popup className="popup">
            {PLACES.filter(({ rest }) => rest).map(({ to, name, icon: Icon }) => (
              <Menu.Item key={to} className="option" onClick={() => go(to)}>
                <Icon aria-hidden="true" /> {name}
              </Menu.Item>
            ))}
            <Menu.RadioGroup value={theme} onValueChange={(value) => setTheme(value as Theme)}>
              {THEMES.map(({ value, name, icon: Icon }) => (
                <Menu.RadioItem key={value} value={value} className="option">
                  <Icon aria-hidden="true" /> {name}
                  <Menu.RadioItemIndicator className="tick">●</Menu.RadioItemIndicator>
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
            {!open && (
              <Menu.Item className="option" onClick={signOut}>
                <LogOut aria-hidden="true" /> Sign out
              </Menu.Item>
            )}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

function Navigation() {
  const path = usePath();
  const isHere = (to: string) => path === to || path.startsWith(`${to}/`) || (path === '/' && to === '/live');
  return (
    <nav className="nav" aria-label="Pages">
      {PLACES.map(({ to, name, icon: Icon, rest }) => (
        <Link key={to} to={to} className={rest ? 'less' : ''} aria-current={isHere(to) ? 'page' : undefined}>
          <Icon aria-hidden="true" />
          {name}
          {to === '/live' && <LiveCount />}
        </Link>
      ))}
      <More isHere={PLACES.some(({ to, rest }) => rest && isHere(to))} />
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
            <button type="button" className={buttonClass('quiet', 'small')} onClick={signOut}>
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
