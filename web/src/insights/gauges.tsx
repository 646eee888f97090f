/** A time in a few figures, each beside what it was in the same time before. */
import { ArrowDownRight, ArrowUpRight } from 'lucide-react';
import type { Insights } from '../api/types';
import { dollars, span } from '../lib/format';

interface Figure {
  name: string;
  value: string;
  more?: string;
  /** To be held against the time before; `null`: nothing is known. */
  of: (insights: Insights) => number | null;
  /** What one wants: more of it, less of it, or neither. */
  wants: 'more' | 'less' | 'neither';
}

function rate(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

function figures(now: Insights): Figure[] {
  const { calls, running, answer_ms, lasted_ms, tools, tools_failed } = now;
  const interruptions = rate(now.interruptions, calls);
  const perCall = rate(now.cost, calls);
  const succeeded = rate(tools - tools_failed, tools);
  return [
    { name: 'Calls', value: calls.toLocaleString(), ...(running ? { more: `${running} running` } : {}), of: ({ calls }) => calls, wants: 'neither' },
    {
      name: 'Answer, p50', value: answer_ms ? span(answer_ms.p50) : '–', ...(answer_ms ? { more: `p95 ${span(answer_ms.p95)}` } : {}),
      of: ({ answer_ms }) => answer_ms?.p50 ?? null, wants: 'less',
    },
    {
      name: 'Duration, p50', value: lasted_ms ? span(lasted_ms.p50) : '–', ...(lasted_ms ? { more: `p95 ${span(lasted_ms.p95)}` } : {}),
      of: ({ lasted_ms }) => lasted_ms?.p50 ?? null, wants: 'neither',
    },
    {
      name: 'Cost', value: dollars(now.cost), ...(perCall === null ? {} : { more: `${dollars(perCall)} a call` }),
      of: ({ cost }) => cost, wants: 'neither',
    },
    {
      name: 'Tools succeeded', value: succeeded === null ? '–' : `${(succeeded * 100).toFixed(succeeded < 1 ? 1 : 0)} %`, ...(tools ? { more: `of ${tools.toLocaleString()}` } : {}),
      of: ({ tools, tools_failed }) => rate(tools - tools_failed, tools), wants: 'more',
    },
    {
      name: 'Interruptions', value: now.interruptions.toLocaleString(), ...(interruptions === null ? {} : { more: `${interruptions.toFixed(1)} a call` }),
      of: ({ interruptions, calls }) => rate(interruptions, calls), wants: 'less',
    },
    { name: 'Errors', value: now.errors.toLocaleString(), of: ({ errors, calls }) => rate(errors, calls), wants: 'less' },
  ];
}

const LEAST_CHANGE = 0.01;

function Change({ figure, now, before }: { figure: Figure; now: Insights; before: Insights | undefined }) {
  const [is, was] = [figure.of(now), before ? figure.of(before) : null];
  if (is === null || was === null || was === 0) return null;
  const change = is / was - 1;
  if (Math.abs(change) < LEAST_CHANGE) return <span className="change faint">±0 %</span>;
  const isUp = change > 0;
  const tone = figure.wants === 'neither' ? 'faint' : isUp === (figure.wants === 'more') ? 'good' : 'bad';
  return (
    <span className={`change ${tone}`} title="Against the same time before">
      {isUp ? <ArrowUpRight aria-hidden="true" /> : <ArrowDownRight aria-hidden="true" />}
      <span className="hidden-text">{isUp ? 'up' : 'down'}</span> {Math.abs(change) < 10 ? `${Math.round(Math.abs(change) * 100)} %` : `${Math.round(change + 1)}×`}
    </span>
  );
}

export function Gauges({ now, before }: { now: Insights; before: Insights | undefined }) {
  return (
    <dl className="gauges insights-gauges">
      {figures(now).map((figure) => (
        <div className="gauge" key={figure.name}>
          <dt>{figure.name}</dt>
          <dd>
            {figure.value} <Change figure={figure} now={now} before={before} />
          </dd>
          {figure.more && <dd className="gauge-more">{figure.more}</dd>}
        </div>
      ))}
    </dl>
  );
}
