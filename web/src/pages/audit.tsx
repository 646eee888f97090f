/** Who did what by the console, and who was not let in; newest first. */
import './audit.css';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Lock, ScrollText } from 'lucide-react';
import { useMemo } from 'react';
import { get } from '../api/client';
import type { Act } from '../api/types';
import { exactly, moment, sentence } from '../lib/format';
import { useNow } from '../lib/now';
import { Link } from '../lib/router';
import { useMay } from '../lib/session';
import { useTitle } from '../lib/title';
import { Button } from '../ui/controls';
import { Empty, Trouble, Waiting } from '../ui/feedback';

const STEP = 50;

interface Listed {
  acts: Act[];
  next?: string | null;
}

/** `call.hang_up` → `Call: hang up`. */
function told(act: string): string {
  const [first = '', ...rest] = act.split('.');
  return [sentence(first), ...rest.map((word) => word.replaceAll('_', ' '))].join(': ');
}

function Answer({ status }: { status: number }) {
  if (status < 400) return <span className="badge good">Done</span>;
  const name = { 401: 'Not let in', 403: 'Not allowed', 404: 'Not there', 409: 'In conflict', 429: 'Too often' }[status];
  return (
    <span className={`badge ${status === 401 || status === 403 || status >= 500 ? 'bad' : 'warn'}`}>
      {name ?? 'Refused'} <span className="faint">{status}</span>
    </span>
  );
}

/** A call and an agent can be looked at. */
function On({ act }: { act: Act }) {
  const on = act.on ?? '';
  if (/^CA[0-9a-f]{32}$/.test(on)) return <Link to={`/calls/${on}`}>{on.slice(0, 10)}…</Link>;
  if (act.act.startsWith('agent.') && act.act !== 'agent.delete' && on) return <Link to={`/agents/${on}`}>{on}</Link>;
  return <span title={on}>{on.length > 24 ? `${on.slice(0, 12)}…` : on}</span>;
}

function Who({ act }: { act: Act }) {
  if (!act.role) return <span className="faint">{act.name || 'Somebody'}</span>;
  return (
    <>
      <span className="who-name">{act.name || 'The key'}</span> <span className="faint">{act.role}</span>
    </>
  );
}

function Rows({ acts }: { acts: Act[] }) {
  const now = useNow();
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th>What</th>
          <th>Who</th>
          <th>Of what</th>
          <th>Answer</th>
          <th>Address</th>
          <th className="number">When</th>
        </tr>
      </thead>
      <tbody>
        {acts.map((act, number) => (
          // oxlint-disable-next-line react/no-array-index-key -- two may be alike in all they say
          <tr key={`${act.at_ms} ${act.act} ${acts.length - number}`}>
            <td className="what">{told(act.act)}</td>
            <td className="who-cell">
              <Who act={act} />
            </td>
            <td className="soft optional">
              <On act={act} />
            </td>
            <td className="end">
              <Answer status={act.status} />
            </td>
            <td className="soft mono optional">{act.address ?? ''}</td>
            <td className="number soft end" title={exactly(act.at_ms)}>
              {moment(act.at_ms, now)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export default function AuditPage() {
  const mayRead = useMay('admin');
  useTitle('Audit');
  const query = useInfiniteQuery({
    queryKey: ['audit'],
    queryFn: ({ pageParam, signal }) => get<Listed>(`/api/audit?limit=${STEP}${pageParam && `&after=${encodeURIComponent(pageParam)}`}`, signal),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
    enabled: mayRead,
  });
  const acts = useMemo(() => query.data?.pages.flatMap((page) => page.acts) ?? [], [query.data]);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Audit</h1>
        <p>What was changed by the console or the API, by whom, and how it was answered. It is kept for a year.</p>
      </div>
      {query.error && <Trouble error={query.error} again={() => void query.refetch()} />}
      <section className="panel" aria-label="What was done">
        {!mayRead && (
          <Empty icon={Lock} title="This is for admins">
            <p>Ask one of them what you want to know.</p>
          </Empty>
        )}
        {mayRead && query.isPending && <Waiting />}
        {query.data && acts.length === 0 && (
          <Empty icon={ScrollText} title="Nothing was done yet">
            <p>Whoever saves an agent, hangs up on a caller or is not let in is listed here.</p>
          </Empty>
        )}
        {acts.length > 0 && <Rows acts={acts} />}
      </section>
      {query.hasNextPage && (
        <div className="row">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            What was before
          </Button>
        </div>
      )}
    </div>
  );
}
