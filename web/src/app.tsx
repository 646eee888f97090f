/** Who is signed in, and which page is at which address. Pages other than the first are loaded when they are asked for. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Compass } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useEffect } from 'react';
import { onSignedOut, renew, session } from './api/client';
import type { Session } from './api/types';
import { arrive } from './lib/provider';
import { Link, usePath } from './lib/router';
import { SessionContext } from './lib/session';
import { live } from './live/use';
import { LivePage } from './pages/live';
import { Shell } from './shell';
import { Empty, Trouble, Waiting } from './ui/feedback';

const SignIn = lazy(async () => ({ default: (await import('./sign-in')).SignIn }));
const CallPage = lazy(() => import('./pages/call'));
const HistoryPage = lazy(() => import('./pages/history'));
const InsightsPage = lazy(() => import('./pages/insights'));
const AuditPage = lazy(() => import('./pages/audit'));
const AgentsPage = lazy(() => import('./pages/agents'));
const AgentPage = lazy(() => import('./pages/agent'));
const NumbersPage = lazy(() => import('./pages/numbers'));
const MusicPage = lazy(() => import('./pages/music'));
const MessagesPage = lazy(() => import('./pages/messages'));
const SetupPage = lazy(() => import('./pages/setup'));
const TestCallPage = lazy(() => import('./pages/test-call'));

function page(path: string): ReactNode {
  const [, section = '', id] = path.split('/');
  if (id !== undefined) {
    if (section === 'calls') return <CallPage key={id} sid={id} />;
    if (section === 'agents') return <AgentPage key={id} id={id} />;
    return null;
  }
  switch (section) {
    case '':
    case 'live': return <LivePage />;
    case 'calls': return <HistoryPage />;
    case 'insights': return <InsightsPage />;
    case 'audit': return <AuditPage />;
    case 'agents': return <AgentsPage />;
    case 'numbers': return <NumbersPage />;
    case 'hold-music': return <MusicPage />;
    case 'messages': return <MessagesPage />;
    case 'setup': return <SetupPage />;
    case 'test-call': return <TestCallPage />;
    default: return null;
  }
}

function Nowhere() {
  return (
    <div className="page">
      <Empty icon={Compass} title="There is no such page">
        <p>
          <Link to="/live">See what is live</Link>
        </p>
      </Empty>
    </div>
  );
}

/** Before its hour is over. */
const RENEW_BEFORE_MS = 10 * 60_000;

function useRenewal({ expires_at }: Session): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (!expires_at) return;
    const wait = Math.max(0, Date.parse(expires_at) - Date.now() - RENEW_BEFORE_MS);
    const timer = window.setTimeout(() => {
      // One that cannot be renewed ends by itself, and then asks to sign in.
      renew().then(
        (next) => {
          if (!next) return;
          queries.setQueryData(['session'], next);
          live.renew();
        },
        () => undefined,
      );
    }, wait);
    return () => window.clearTimeout(timer);
  }, [expires_at, queries]);
}

function Signed({ session }: { session: Session }) {
  const path = usePath();
  useRenewal(session);
  useEffect(() => {
    live.start();
    return () => live.forget();
  }, []);
  return (
    <SessionContext value={session}>
      <Shell>
        <Suspense fallback={<Waiting />}>{page(path) ?? <Nowhere />}</Suspense>
      </Shell>
    </SessionContext>
  );
}

export function App() {
  const queries = useQueryClient();
  const who = useQuery({ queryKey: ['session'], queryFn: async () => (await arrive()) ?? session(), staleTime: Infinity });
  useEffect(
    () =>
      onSignedOut(() => {
        queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
        queries.setQueryData(['session'], null);
      }),
    [queries],
  );
  if (who.data) return <Signed session={who.data} />;
  if (who.isPending) return <Waiting />;
  if (who.error) {
    return (
      <div className="page">
        <Trouble error={who.error} again={() => void who.refetch()} />
      </div>
    );
  }
  return (
    <Suspense fallback={<Waiting />}>
      <SignIn onSignedIn={(session) => queries.setQueryData(['session'], session)} />
    </Suspense>
  );
}
