/** Calls, newest first: found by what was said in them, with whom, by which agent, how they ended, and when. */
import './history.css';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { PhoneOff, SearchX } from 'lucide-react';
import { useEffect, useMemo } from 'react';
import type { Call, FoundCall } from '../api/types';
import { look } from '../history/ask';
import { Filters } from '../history/filters';
import { Hits } from '../history/hits';
import { Outcome } from '../history/outcome';
import { ANY, addressOf, questionOf, readWanted, type Wanted } from '../history/wanted';
import { agentName } from '../lib/agent-name';
import { exactly, moment, phone } from '../lib/format';
import { rememberSearch } from '../lib/last-search';
import { useNow, useToday } from '../lib/now';
import { go, Link, useSearch } from '../lib/router';
import { useTitle } from '../lib/title';
import { wordsOf } from '../lib/words';
import { Button } from '../ui/controls';
import { Empty, Trouble, Waiting } from '../ui/feedback';

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

function Nothing({ wanted, hasMore }: { wanted: Wanted; hasMore: boolean }) {
  const isAll = addressOf(wanted) === '/calls';
  if (isAll) {
    return (
      <Empty icon={PhoneOff} title="No calls yet">
        <p>Whoever calls is listed here.</p>
      </Empty>
    );
  }
  return (
    <Empty icon={SearchX} title={hasMore ? 'Not among the newest calls' : 'No call matches'}>
      <p>
        {wanted.words
          ? 'Words are looked for whole, in any order, in calls that are over; all of them have to be in one call.'
          : 'Nobody has called like that.'}
      </p>
      <Button onClick={() => go('/calls')}>See all calls</Button>
    </Empty>
  );
}

function List({ found, words }: { found: FoundCall[]; words: string }) {
  const wanted = useMemo(() => wordsOf(words), [words]);
  return wanted.size > 0 ? <Hits found={found} words={words} wanted={wanted} /> : <Rows calls={found.map(({ call }) => call)} />;
}

export default function HistoryPage() {
  const search = useSearch();
  const wanted = readWanted(search);
  const address = addressOf(wanted);
  const question = questionOf(wanted, useToday());
  useTitle('History');
  useEffect(() => rememberSearch(address), [address]);
  const query = useInfiniteQuery({
    queryKey: ['history', question],
    queryFn: async ({ pageParam, signal }) => ({ ...(await look(question, pageParam, signal)), words: question.words }),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const found = useMemo(() => query.data?.pages.flatMap((page) => page.found) ?? [], [query.data]);
  const change = (change: Partial<Wanted>, how: 'push' | 'replace') => go(addressOf({ ...wanted, ...change }), how);
  const isNarrowed = wanted.words !== '' || wanted.number !== '' || wanted.agent !== ANY || wanted.ending !== ANY;
  return (
    <div className="page">
      <div className="page-head">
        <h1>History</h1>
      </div>
      <Filters wanted={wanted} onChange={change} />
      {query.error && <Trouble error={query.error} again={() => void query.refetch()} />}
      <section className={`panel ${query.isPlaceholderData ? 'stale' : ''}`} aria-label="Calls" aria-busy={query.isFetching}>
        {query.isPending && <Waiting />}
        {query.data && found.length === 0 && <Nothing wanted={wanted} hasMore={query.hasNextPage} />}
        {found.length > 0 && <List found={found} words={query.data?.pages[0]?.words ?? ''} />}
      </section>
      {query.hasNextPage && (
        <div className="row">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {isNarrowed ? 'Look further' : 'Older calls'}
          </Button>
        </div>
      )}
    </div>
  );
}
