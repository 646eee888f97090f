/** Whether calls can come, and what is to be done if not: each item says what is wrong and how to mend it. */
import './setup.css';
import { useQuery } from '@tanstack/react-query';
import { CircleAlert, CircleCheck, CircleDashed, RefreshCw, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { get } from '../api/client';
import type { AgentTitle, Call, CheckedItem, Checks, NumberEntry } from '../api/types';
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

const TITLES: [CheckedItem, string][] = [
  ['public_url', 'Public address'],
  ['twilio', 'Twilio'],
  ['numbers', 'Numbers'],
  ['model', 'Model'],
  ['relays', 'Relays'],
  ['recordings', 'Recordings'],
  ['hold_music', 'Hold music'],
];
const STATES = { ok: 'good', warn: 'warn', fail: 'bad' } as const;
const WORST: State[] = ['bad', 'warn', 'good'];

/** What belongs to an item beside what was found. */
const MORE: Partial<Record<CheckedItem, ReactNode>> = {
  numbers: <Link to="/numbers">Point one here, or see where they lead</Link>,
  model: <Link to="/agents">Agents</Link>,
  hold_music: <Link to="/hold-music">Listen, or upload one</Link>,
};

interface FoundProps {
  checks: Checks | undefined;
  item: CheckedItem;
  title: string;
  url: string | undefined;
}

/** All that was found of an item; the item is as the worst of it. */
function Found({ checks, item, title, url }: FoundProps) {
  const found = checks?.checks.filter((check) => check.item === item);
  if (found?.length === 0) return null;
  const state = WORST.find((one) => found?.some((check) => STATES[check.state] === one)) ?? 'waiting';
  return (
    <Item state={state} title={title}>
      {item === 'public_url' && url && <Copyable text={url} />}
      {found && (
        <ul className="problems">
          {found.map(({ what, mend }) => (
            <li key={what}>
              <p className={mend ? '' : 'soft'}>{what}</p>
              {mend && <p className="soft">→ {mend}</p>}
            </li>
          ))}
        </ul>
      )}
      {found && MORE[item] && <p className="soft">{MORE[item]}</p>}
    </Item>
  );
}

const EVERY_MS = 10_000;

function useChecks() {
  const every = { refetchInterval: EVERY_MS, retry: false } as const;
  return {
    checks: useQuery({ queryKey: ['checks'], queryFn: ({ signal }) => get<Checks>('/api/checks', signal), refetchInterval: 60_000, retry: false }),
    address: useQuery({ queryKey: ['public-url'], queryFn: ({ signal }) => get<{ public_url: string }>('/public-url', signal), ...every }),
    agents: useQuery({ queryKey: ['agents'], queryFn: ({ signal }) => get<{ agents: AgentTitle[] }>('/api/agents', signal), ...every }),
    numbers: useQuery({ queryKey: ['numbers'], queryFn: ({ signal }) => get<{ numbers: NumberEntry[] }>('/api/numbers', signal), ...every }),
    calls: useQuery({ queryKey: ['calls', 50], queryFn: ({ signal }) => get<{ calls: Call[] }>('/calls?limit=50', signal), ...every }),
  };
}

type Asked = ReturnType<typeof useChecks>;

/** What was asked and not answered. */
function Silent({ what, error }: { what: string; error: Error }) {
  return (
    <Item state="bad" title={what}>
      <p className="soft">{error.message}</p>
    </Item>
  );
}

function Agents({ agents, numbers }: Pick<Asked, 'agents' | 'numbers'>) {
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

function FirstCall({ calls }: Pick<Asked, 'calls'>) {
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
          <Button onClick={again} busy={checks.checks.isFetching}>
            <RefreshCw aria-hidden="true" /> Look again
          </Button>
        </div>
      </div>
      <ul className="panel checklist">
        {checks.checks.error && <Silent what="The bridge" error={checks.checks.error} />}
        {!checks.checks.error &&
          TITLES.map(([item, title]) => (
            <Found key={item} checks={checks.checks.data} item={item} title={title} url={checks.address.data?.public_url} />
          ))}
        <Agents {...checks} />
        <Token />
        <FirstCall {...checks} />
      </ul>
    </div>
  );
}
