/** Whether calls can come, and what is to be done if not: each item says what is wrong and how to mend it. */
import './setup.css';
import { useQuery } from '@tanstack/react-query';
import { CircleAlert, CircleCheck, CircleDashed, RefreshCw, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { get } from '../api/client';
import type { AgentTitle, Call, MusicStatus, NumberEntry, Status, TwilioSetup } from '../api/types';
import { moment, phone } from '../lib/format';
import { useNow } from '../lib/now';
import { Link } from '../lib/router';
import { useSession } from '../lib/session';
import { useTitle } from '../lib/title';
import { Button, Copyable } from '../ui/controls';

type State = 'good' | 'warn' | 'bad' | 'waiting';

const ICONS = { good: CircleCheck, warn: TriangleAlert, bad: CircleAlert, waiting: CircleDashed };
const WORDS = { good: 'All is well', warn: 'To look at', bad: 'Something is wrong', waiting: 'Being looked at' };

interface ItemProps {
  state: State;
  title: string;
  children: ReactNode;
}

function Item({ state, title, children }: ItemProps) {
  const Icon = ICONS[state];
  return (
    <li className={`item ${state}`}>
      <Icon aria-label={WORDS[state]} role="img" />
      <div className="stack tight grow">
        <h2>{title}</h2>
        {children}
      </div>
    </li>
  );
}

function Problems({ problems }: { problems: TwilioSetup['problems'] }) {
  return (
    <ul className="problems">
      {problems.map(({ what, mend }) => (
        <li key={`${what} ${mend}`}>
          <p>{what}</p>
          <p className="soft">→ {mend}</p>
        </li>
      ))}
    </ul>
  );
}

const EVERY_MS = 10_000;

function useChecks() {
  const every = { refetchInterval: EVERY_MS, retry: false } as const;
  return {
    status: useQuery({ queryKey: ['status'], queryFn: ({ signal }) => get<Status>('/status', signal), ...every }),
    address: useQuery({ queryKey: ['public-url'], queryFn: ({ signal }) => get<{ public_url: string }>('/public-url', signal), ...every }),
    twilio: useQuery({ queryKey: ['twilio'], queryFn: ({ signal }) => get<TwilioSetup>('/api/twilio', signal), retry: false, staleTime: 60_000 }),
    music: useQuery({ queryKey: ['music', 'status'], queryFn: ({ signal }) => get<MusicStatus>('/hold-music/status', signal), ...every }),
    agents: useQuery({ queryKey: ['agents'], queryFn: ({ signal }) => get<{ agents: AgentTitle[] }>('/api/agents', signal), ...every }),
    numbers: useQuery({ queryKey: ['numbers'], queryFn: ({ signal }) => get<{ numbers: NumberEntry[] }>('/api/numbers', signal), ...every }),
    calls: useQuery({ queryKey: ['calls', 50], queryFn: ({ signal }) => get<{ calls: Call[] }>('/calls?limit=50', signal), ...every }),
  };
}

type Checks = ReturnType<typeof useChecks>;

/** What was asked and not answered. */
function Silent({ what, error }: { what: string; error: Error }) {
  return (
    <Item state="bad" title={what}>
      <p className="soft">{error.message}</p>
    </Item>
  );
}

function Relays({ status }: Pick<Checks, 'status'>) {
  if (status.error) return <Silent what="Relays" error={status.error} />;
  const seen = status.data;
  const state = !seen ? 'waiting' : seen.ready ? (seen.relays > 1 ? 'good' : 'warn') : 'bad';
  return (
    <Item state={state} title="Relays">
      {seen?.ready && seen.relays > 1 && <p className="soft">{seen.relays} relays take calls.</p>}
      {seen?.ready && seen.relays === 1 && (
        <p className="soft">One relay takes calls. A second one would go on with them should it fail; on a laptop one is enough.</p>
      )}
      {seen && !seen.ready && (
        <p className="soft">
          {seen.relays === 0 ? 'No relay has reported.' : 'No relay has room for a call.'} → Look into the relays’ logs, and at how many are
          wanted.
        </p>
      )}
    </Item>
  );
}

function isLocal(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

function Address({ address }: Pick<Checks, 'address'>) {
  if (address.error) return <Silent what="Public address" error={address.error} />;
  const url = address.data?.public_url;
  const state = !url ? 'waiting' : isLocal(url) || !url.startsWith('https:') ? 'warn' : 'good';
  return (
    <Item state={state} title="Public address">
      {url && <Copyable text={url} />}
      {url && isLocal(url) && (
        <p className="soft">
          Twilio cannot reach this machine. → Put a tunnel in front of it, set <code>PUBLIC_URL</code> to the tunnel’s address, and start
          again. Simulated calls need none of that.
        </p>
      )}
      {url && !isLocal(url) && !url.startsWith('https:') && <p className="soft">Streams need TLS. → Use an address that begins with https.</p>}
    </Item>
  );
}

function Twilio({ twilio }: Pick<Checks, 'twilio'>) {
  if (twilio.error) return <Silent what="Twilio" error={twilio.error} />;
  const seen = twilio.data;
  const state = !seen ? 'waiting' : seen.problems.length === 0 ? 'good' : seen.configured && seen.account ? 'warn' : 'bad';
  return (
    <Item state={seen && !seen.configured ? 'warn' : state} title="Twilio">
      {seen?.problems.length === 0 && <p className="soft">The account lets us in, and a number leads here.</p>}
      {seen && <Problems problems={seen.problems} />}
      {seen && seen.numbers.length > 0 && (
        <ul className="row wrap">
          {seen.numbers.map(({ number, points_here }) => (
            <li key={number} className={`badge ${points_here ? 'good' : ''}`}>
              {number} {points_here ? 'leads here' : 'leads elsewhere'}
            </li>
          ))}
        </ul>
      )}
      {seen && (
        <dl className="facts">
          <dt>A call comes in</dt>
          <dd>
            <Copyable text={seen.webhook} />
          </dd>
          <dt>Call status changes</dt>
          <dd>
            <Copyable text={seen.status_callback} />
          </dd>
        </dl>
      )}
    </Item>
  );
}

function Agents({ agents, numbers }: Pick<Checks, 'agents' | 'numbers'>) {
  if (agents.error) return <Silent what="Agents" error={agents.error} />;
  const all = agents.data?.agents;
  const orphans = (numbers.data?.numbers ?? []).filter(({ agent }) => all && !all.some(({ id }) => id === agent));
  const state = !all ? 'waiting' : orphans.length > 0 ? 'bad' : 'good';
  return (
    <Item state={state} title="Agents and numbers">
      {orphans.map(({ number, agent }) => (
        <p key={number} className="soft">
          {number} is answered by <code>{agent}</code>, which was deleted: the default answers. →{' '}
          <Link to="/numbers">Assign another agent</Link>
        </p>
      ))}
      {all?.length === 0 && (
        <p className="soft">
          The agent that the environment describes answers every call. <Link to="/agents">Create one</Link> to set it up here.
        </p>
      )}
      {all && all.length > 0 && orphans.length === 0 && (
        <p className="soft">
          {all.length} <Link to="/agents">{all.length === 1 ? 'agent' : 'agents'}</Link>, {numbers.data?.numbers.length ?? 0}{' '}
          <Link to="/numbers">assigned numbers</Link>.
        </p>
      )}
    </Item>
  );
}

function Music({ music }: Pick<Checks, 'music'>) {
  if (music.error) return <Silent what="Hold music" error={music.error} />;
  const seen = music.data;
  return (
    <Item state={seen ? 'good' : 'waiting'} title="Hold music">
      {seen && (
        <p className="soft">
          {seen.files === 0 ? 'The built-in piece.' : `The built-in piece and ${seen.files} of your own.`}{' '}
          <Link to="/hold-music">{seen.files === 0 ? 'Upload one' : 'Look'}</Link>
        </p>
      )}
    </Item>
  );
}

function Token() {
  const { open } = useSession();
  return (
    <Item state={open ? 'warn' : 'good'} title="Who may come in">
      <p className="soft">
        {open ? (
          <>
            Whoever is at this machine. → Set <code>CONSOLE_TOKEN</code> before others can reach it.
          </>
        ) : (
          'Only who signs in.'
        )}
      </p>
    </Item>
  );
}

function FirstCall({ calls }: Pick<Checks, 'calls'>) {
  const now = useNow();
  if (calls.error) return <Silent what="A call" error={calls.error} />;
  const last = calls.data?.calls[0];
  const isGood = last && !(last.status.status === 'ended' && last.status.ending === 'model_unavailable');
  return (
    <Item state={!calls.data ? 'waiting' : isGood ? 'good' : last ? 'bad' : 'warn'} title="A call">
      {calls.data && !last && (
        <p className="soft">
          Nobody has called yet. → Call the number, or <Link to="/test-call">talk to the agent from this browser</Link>; the call appears on
          the page Live.
        </p>
      )}
      {last && (
        <p className="soft">
          The latest, from {phone(last.from)} at {moment(last.began_at_ms, now)}
          {isGood ? ', was answered.' : ', could not have the model. → Its timeline says why: the key, the account’s quota, the model’s name.'}{' '}
          <Link to={`/calls/${last.sid}`}>Look</Link>, or <Link to="/test-call">call from this browser</Link>
        </p>
      )}
    </Item>
  );
}

export default function SetupPage() {
  const checks = useChecks();
  useTitle('Setup');
  const again = () => {
    for (const check of Object.values(checks)) void check.refetch();
  };
  return (
    <div className="page narrow">
      <div className="page-head">
        <h1>Setup</h1>
        <div className="actions">
          <Button onClick={again} busy={checks.twilio.isFetching}>
            <RefreshCw aria-hidden="true" /> Look again
          </Button>
        </div>
      </div>
      <ul className="panel checklist">
        <Relays {...checks} />
        <Address {...checks} />
        <Twilio {...checks} />
        <Agents {...checks} />
        <Music {...checks} />
        <Token />
        <FirstCall {...checks} />
      </ul>
    </div>
  );
}
