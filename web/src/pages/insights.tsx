/** How it has been going: calls, waiting times, cost, tools, errors, of the days one chooses. */
import './insights.css';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { ChartColumn, TriangleAlert } from 'lucide-react';
import { useMemo } from 'react';
import { get } from '../api/client';
import type { Insights } from '../api/types';
import { Chart } from '../insights/chart';
import { charts, stretches } from '../insights/charts';
import { Endings } from '../insights/endings';
import { Gauges } from '../insights/gauges';
import { useToday } from '../lib/now';
import { bounds, type Range, readRange, writeRange } from '../lib/range';
import { go, useSearch } from '../lib/router';
import { useTitle } from '../lib/title';
import { RangeSegments } from '../ui/range';
import { Empty, Trouble, Waiting } from '../ui/feedback';

const USUAL: Range = { kind: 'days', days: 7 };
const EVERY_MS = 60_000;
const DAY_MS = 86_400_000;
/** What the server tells at once. */
const MOST_DAYS = 91;

interface Span {
  fromMs: number;
  /** `null`: until now. */
  toMs: number | null;
}

function spanOf(range: Range, todayMs: number): Span {
  const tomorrowMs = todayMs + DAY_MS;
  const { fromMs, toMs } = bounds(range, todayMs);
  const isOver = toMs !== null && toMs <= todayMs;
  return { fromMs: fromMs ?? (toMs ?? tomorrowMs) - 7 * DAY_MS, toMs: isOver ? toMs : null };
}

function ask({ fromMs, toMs }: Span, signal: AbortSignal): Promise<Insights> {
  const to = toMs === null ? '' : `&to=${new Date(toMs).toISOString()}`;
  return get<Insights>(`/api/insights?from=${new Date(fromMs).toISOString()}${to}`, signal);
}

/** As long as this one, and right before it; of a day that is not over, until this hour. */
function before({ fromMs, toMs }: Span, days: number, signal: AbortSignal): Promise<Insights> {
  return ask({ fromMs: fromMs - days * DAY_MS, toMs: (toMs ?? Date.now()) - days * DAY_MS }, signal);
}

function Shown({ now, before, range }: { now: Insights; before: Insights | undefined; range: Range }) {
  const drawn = useMemo(() => charts(now), [now]);
  const all = useMemo(() => stretches(now), [now]);
  const search = new URLSearchParams();
  writeRange(search, range);
  if (now.calls === 0) {
    return (
      <section className="panel">
        <Empty icon={ChartColumn} title="No calls in this time">
          <p>Whoever calls is counted here.</p>
        </Empty>
      </section>
    );
  }
  return (
    <>
      {now.truncated && (
        <div className="notice warn">
          <TriangleAlert aria-hidden="true" />
          <p>There were more calls than are read at once: the oldest are missing here.</p>
        </div>
      )}
      <Gauges now={now} before={before} />
      <div className="charts">
        {drawn.map((chart) => (
          <Chart key={chart.title} chart={chart} stretches={all} />
        ))}
        <Endings endings={now.endings} search={search.toString()} />
      </div>
    </>
  );
}

export default function InsightsPage() {
  const search = useSearch();
  const range = readRange(search, USUAL);
  const today = useToday();
  const span = spanOf(range, today);
  const days = Math.round(((span.toMs ?? today + DAY_MS) - span.fromMs) / DAY_MS);
  const isTold = days >= 1 && days <= MOST_DAYS;
  useTitle('Insights');
  const now = useQuery({
    queryKey: ['insights', span],
    queryFn: ({ signal }) => ask(span, signal),
    refetchInterval: span.toMs === null ? EVERY_MS : false,
    placeholderData: keepPreviousData,
    enabled: isTold,
  });
  const past = useQuery({
    queryKey: ['insights', 'before', span, days],
    queryFn: ({ signal }) => before(span, days, signal),
    staleTime: EVERY_MS,
    enabled: isTold,
  });
  const choose = (next: Range) => {
    const changed = new URLSearchParams(search);
    writeRange(changed, next);
    go(`/insights?${changed.toString()}`);
  };
  return (
    <div className="page">
      <div className="page-head">
        <h1>Insights</h1>
        <div className="actions">
          <RangeSegments range={range} onChange={choose} />
        </div>
      </div>
      {!isTold && <Trouble error={new Error(`From one day to a later one, ${MOST_DAYS} days at most.`)} />}
      {now.error && <Trouble error={now.error} again={() => void now.refetch()} />}
      {now.isPending && isTold && !now.error && <Waiting />}
      {now.data && isTold && (
        <div className={`stack ${now.isPlaceholderData ? 'stale' : ''}`}>
          <Shown now={now.data} before={past.data} range={range} />
        </div>
      )}
    </div>
  );
}
