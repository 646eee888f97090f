/** What is drawn of a time: which figures, in which unit, and the same in words. */
import type { Bucket, Insights, Percentiles } from '../api/types';
import { dollars, span } from '../lib/format';

export interface Series {
  name: string;
  values: (number | null)[];
  /** Colours that nobody confuses; the second line is dashed, too. */
  tone: 'one' | 'two';
}

export interface ChartOf {
  title: string;
  hint?: string;
  kind: 'bars' | 'lines';
  /** Nothing lies between one and two. */
  isWhole: boolean;
  format: (value: number) => string;
  series: Series[];
  /** For those who do not see it. */
  summary: string;
}

/** One stretch of the axis. */
export interface Stretch {
  fromMs: number;
  lastsMs: number;
}

export const HOUR_MS = 3_600_000;

export function stretches({ over_time }: Insights): Stretch[] {
  return over_time.map(({ from_ms, lasts_ms }) => ({ fromMs: from_ms, lastsMs: lasts_ms }));
}

/** A day that has an hour more or less begins beside midnight: its middle is of the day all the same. */
function middle({ fromMs, lastsMs }: Stretch): Date {
  return new Date(fromMs + lastsMs / 2);
}

const dayAndMonth = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/** Below the axis. */
export function tick(stretch: Stretch): string {
  return stretch.lastsMs > HOUR_MS ? dayAndMonth.format(middle(stretch)) : time.format(new Date(stretch.fromMs));
}

/** By itself. */
export function label(stretch: Stretch): string {
  if (stretch.lastsMs > HOUR_MS) return weekday.format(middle(stretch));
  const [from, to] = [new Date(stretch.fromMs), new Date(stretch.fromMs + stretch.lastsMs)];
  return `${weekday.format(from)}, ${time.format(from)} to ${time.format(to)}`;
}

const count = (value: number): string => value.toLocaleString();

function total(values: (number | null)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

function most({ values }: Series, format: (value: number) => string, all: Stretch[]): string {
  const peak = Math.max(...values.map((value) => value ?? 0));
  const stretch = all[values.indexOf(peak)];
  return stretch && peak > 0 ? `, most of them ${label(stretch)}: ${format(peak)}` : '';
}

function counted(insights: Insights, what: Pick<ChartOf, 'title' | 'format' | 'isWhole' | 'series'> & { hint?: string }): ChartOf {
  const [first, ...others] = what.series;
  const more = others.map(({ name, values }) => `; ${name.toLowerCase()}: ${what.format(total(values))}`).join('');
  const summary = first ? `${what.title}: ${what.format(total(first.values))} in all${most(first, what.format, stretches(insights))}${more}.` : '';
  return { ...what, kind: 'bars', summary };
}

function waited(insights: Insights, title: string, hint: string, of: (figures: Bucket | Insights) => Percentiles | null): ChartOf {
  const all = of(insights);
  const values = (which: 'p50' | 'p95') => insights.over_time.map((bucket) => of(bucket)?.[which] ?? null);
  const series: Series[] = [
    { name: 'p50', values: values('p50'), tone: 'one' },
    { name: 'p95', values: values('p95'), tone: 'two' },
  ];
  const summary = all ? `${title}: p50 ${span(all.p50)}, p95 ${span(all.p95)}, the longest ${span(all.max)}.` : `${title}: none.`;
  return { title, hint, kind: 'lines', isWhole: false, format: span, series, summary };
}

export function charts(insights: Insights): ChartOf[] {
  const by = (figure: (bucket: Bucket) => number) => insights.over_time.map(figure);
  const isHours = (insights.over_time[0]?.lasts_ms ?? HOUR_MS) <= HOUR_MS;
  return [
    counted(insights, {
      title: isHours ? 'Calls per hour' : 'Calls per day',
      hint: 'By when they began',
      format: count,
      isWhole: true,
      series: [{ name: 'Calls', values: by(({ calls }) => calls), tone: 'one' }],
    }),
    waited(insights, 'Waiting for answers', 'From the caller’s last word to the agent’s first', ({ answer_ms }) => answer_ms),
    waited(insights, 'Duration of calls', 'From the first sound to the end', ({ lasted_ms }) => lasted_ms),
    counted(insights, {
      title: 'Cost',
      hint: 'Model, speech and telephone, in US dollars',
      format: dollars,
      isWhole: false,
      series: [{ name: 'Cost', values: by(({ cost }) => cost), tone: 'one' }],
    }),
    counted(insights, {
      title: 'Tools',
      hint: 'Run for agents, those of one’s own too',
      format: count,
      isWhole: true,
      series: [
        { name: 'Run', values: by(({ tools }) => tools), tone: 'one' },
        { name: 'Failed', values: by(({ tools_failed }) => tools_failed), tone: 'two' },
      ],
    }),
    counted(insights, {
      title: 'Interruptions',
      hint: 'Callers who spoke into an answer',
      format: count,
      isWhole: true,
      series: [{ name: 'Interruptions', values: by(({ interruptions }) => interruptions), tone: 'one' }],
    }),
    counted(insights, {
      title: 'Errors',
      hint: 'The model was lost, or refused something',
      format: count,
      isWhole: true,
      series: [{ name: 'Errors', values: by(({ errors }) => errors), tone: 'two' }],
    }),
  ];
}
