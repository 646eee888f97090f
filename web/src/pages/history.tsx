/** Calls that are over, newest first: found by number, agent and how they ended. */
import './history.css';
import { useInfiniteQuery } from '@tanstack/react-query';
import { PhoneOff, Search } from 'lucide-react';
import { useDeferredValue, useMemo } from 'react';
import { get } from '../api/client';
import type { Call, Ending } from '../api/types';
import { agentName } from '../lib/agent-name';
import { exactly, moment, phone, sentence } from '../lib/format';
import { useNow } from '../lib/now';
import { go, Link, useSearch } from '../lib/router';
import { useTitle } from '../lib/title';
import { Select } from '../ui/choices';
import { Button } from '../ui/controls';
import { Empty, Trouble, Waiting } from '../ui/feedback';

const STEP = 100;
const ANY = 'any';

const ENDINGS: Ending[] = [
  'caller_hung_up', 'agent_hung_up', 'operator_hung_up', 'transferred', 'caller_silent', 'longest_call', 'spend_limit',
  'abandoned', 'model_unavailable',
];

interface Listed {
  calls: Call[];
  next?: string | null;
}

interface Wanted {
  words: string;
  agent: string;
  ending: string;
}

function matches(call: Call, { words, agent, ending }: Wanted): boolean {
  const digits = words.trim().toLowerCase();
  return (
    (agent === ANY || call.agent.id === agent) &&
    (ending === ANY || (call.status.status === 'ended' && call.status.ending === ending)) &&
    (digits === '' || [call.from, call.to, call.sid].some((text) => text.toLowerCase().includes(digits)))
  );
}

function Outcome({ call }: { call: Call }) {
  const { status } = call;
  if (status.status !== 'ended') return <span className="badge good">{status.status === 'ringing' ? 'Ringing' : 'Live'}</span>;
  const isBad = status.ending === 'model_unavailable' || status.ending === 'abandoned' || status.ending === 'spend_limit';
  return <span className={`badge ${isBad ? 'bad' : ''}`}>{sentence(status.ending)}</span>;
}

function Rows({ calls }: { calls: Call[] }) {
  const now = useNow();
  return (
    <table className="table cards">
      <thead>
        <tr>
          <th>Caller</th>
          <th>Called</th>
          <th>Agent</th>
          <th>Outcome</th>
          <th className="number">Began</th>
        </tr>
      </thead>
      <tbody>
        {calls.map((call) => (
          <tr key={call.sid} className="link" onClick={() => go(`/calls/${call.sid}`)}>
            <td>
              <Link to={`/calls/${call.sid}`} className="main" onClick={(event) => event.stopPropagation()}>
                {phone(call.from)}
              </Link>
            </td>
            <td className="soft optional">{phone(call.to)}</td>
            <td className="soft agent-cell">
              {agentName(call)} {(call.agent.version ?? 0) > 0 && <span className="faint">v{call.agent.version}</span>}
            </td>
            <td>
              <Outcome call={call} />
            </td>
            <td className="number soft end" title={exactly(call.began_at_ms)}>
              {moment(call.began_at_ms, now)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export default function HistoryPage() {
  const search = useSearch();
  const wanted: Wanted = { words: search.get('q') ?? '', agent: search.get('agent') ?? ANY, ending: search.get('outcome') ?? ANY };
  const deferred = useDeferredValue(wanted.words);
  useTitle('History');
  const query = useInfiniteQuery({
    queryKey: ['history'],
    queryFn: ({ pageParam, signal }) => get<Listed>(`/calls?limit=${STEP}${pageParam ? `&after=${encodeURIComponent(pageParam)}` : ''}`, signal),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  const calls = useMemo(() => query.data?.pages.flatMap((page) => page.calls) ?? [], [query.data]);
  const agents = useMemo(() => [...new Map(calls.map((call) => [call.agent.id, agentName(call)]))], [calls]);
  const shown = calls.filter((call) => matches(call, { ...wanted, words: deferred }));
  const change = (name: string, value: string, none: string) => {
    const next = new URLSearchParams(search);
    if (value === none) next.delete(name);
    else next.set(name, value);
    const text = next.toString();
    go(`/calls${text ? `?${text}` : ''}`, 'replace');
  };
  return (
    <div className="page">
      <div className="page-head">
        <h1>History</h1>
      </div>
      <div className="filters">
        <div className="search">
          <Search aria-hidden="true" />
          <input
            className="input"
            type="search"
            aria-label="Number or call"
            placeholder="Number or call SID"
            value={wanted.words}
            onChange={({ target }) => change('q', target.value, '')}
          />
        </div>
        <Select
          label="Agent"
          value={wanted.agent}
          choices={[{ value: ANY, label: 'Any agent' }, ...agents.map(([value, label]) => ({ value, label }))]}
          onChange={(value) => change('agent', value, ANY)}
        />
        <Select
          label="Outcome"
          value={wanted.ending}
          choices={[{ value: ANY, label: 'Any outcome' }, ...ENDINGS.map((value) => ({ value, label: sentence(value) }))]}
          onChange={(value) => change('outcome', value, ANY)}
        />
      </div>
      {query.error && <Trouble error={query.error} again={() => void query.refetch()} />}
      <section className="panel" aria-label="Calls">
        {query.isPending && <Waiting />}
        {query.data && shown.length === 0 && (
          <Empty icon={PhoneOff} title={calls.length === 0 ? 'No calls yet' : 'No call matches'}>
            <p>{calls.length === 0 ? 'Whoever calls is listed here.' : `Of the newest ${calls.length} calls none is like that.`}</p>
          </Empty>
        )}
        {shown.length > 0 && <Rows calls={shown} />}
      </section>
      {query.hasNextPage && (
        <div className="row">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Older calls
          </Button>
        </div>
      )}
    </div>
  );
}
