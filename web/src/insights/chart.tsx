/** One chart: drawn, pointed at by mouse, finger or arrow keys, and as a table for whoever reads rather. */
import { ChartColumn, Table2 } from 'lucide-react';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { whenRecoloured } from '../lib/theme';
import { IconButton } from '../ui/controls';
import { type ChartOf, label, type Stretch } from './charts';
import { coloursOf, type Plot, plot } from './plot';

interface ChartProps {
  chart: ChartOf;
  stretches: Stretch[];
}

function said(chart: ChartOf, value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : chart.format(value);
}

function Legend({ chart }: { chart: ChartOf }) {
  if (chart.series.length < 2) return null;
  return (
    <ul className="chart-legend">
      {chart.series.map(({ name, tone }) => (
        <li key={name}>
          <span className={`swatch ${chart.kind} ${tone}`} aria-hidden="true" /> {name}
        </li>
      ))}
    </ul>
  );
}

function Tip({ chart, stretches, at }: ChartProps & { at: { number: number; left: number } }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    const room = element?.parentElement?.clientWidth ?? 0;
    if (!element) return;
    const isRight = at.left > room / 2;
    element.style.left = isRight ? 'auto' : `${at.left + 12}px`;
    element.style.right = isRight ? `${room - at.left + 12}px` : 'auto';
  }, [at]);
  const stretch = stretches[at.number];
  return (
    <div className="chart-tip" ref={box} role="status">
      <b>{stretch && label(stretch)}</b>
      <dl>
        {chart.series.map(({ name, tone, values }) => (
          <div key={name}>
            <dt>
              <span className={`swatch ${chart.kind} ${tone}`} aria-hidden="true" /> {name}
            </dt>
            <dd>{said(chart, values[at.number])}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

const STEPS: Record<string, (at: number | null, last: number) => number | null> = {
  ArrowRight: (at, last) => (at === null ? 0 : Math.min(last, at + 1)),
  ArrowLeft: (at, last) => (at === null ? last : Math.max(0, at - 1)),
  Home: () => 0,
  End: (_, last) => last,
  Escape: () => null,
};

function Drawn({ chart, stretches }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<Plot | null>(null);
  const [at, setAt] = useState<{ number: number; left: number } | null>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const draw = () => {
      drawn.current?.destroy();
      const pointed = (number: number | null, left: number) => setAt(number === null ? null : { number, left });
      drawn.current = plot(element, chart, stretches, coloursOf(element), pointed);
    };
    draw();
    const stopListening = whenRecoloured(draw);
    // The axes are measured in the typeface, which may come later.
    if (document.fonts.status !== 'loaded') void document.fonts.ready.then(() => drawn.current && draw());
    return () => {
      stopListening();
      drawn.current?.destroy();
      drawn.current = null;
    };
  }, [chart, stretches]);
  const press = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    drawn.current?.point(step(at?.number ?? null, stretches.length - 1));
  };
  return (
    <div className="chart-box">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions -- arrow keys go through the values */}
      <div className="chart-plot" ref={box} role="img" aria-label={chart.summary} tabIndex={0} onKeyDown={press} onBlur={() => drawn.current?.point(null)}>
        {['one', 'two', 'text', 'grid'].map((name) => (
          <span key={name} className={`probe ${name}`} />
        ))}
      </div>
      {at && <Tip chart={chart} stretches={stretches} at={at} />}
    </div>
  );
}

function Figures({ chart, stretches }: ChartProps) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls can be scrolled by keys
    <div className="chart-table" tabIndex={0} role="region" aria-label={`${chart.title}, as a table`}>
      <table className="table">
        <thead>
          <tr>
            <th>Time</th>
            {chart.series.map(({ name }) => (
              <th key={name} className="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {stretches.map((stretch, number) => (
            <tr key={stretch.fromMs}>
              <td>{label(stretch)}</td>
              {chart.series.map(({ name, values }) => (
                <td key={name} className="number">
                  {said(chart, values[number])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Chart({ chart, stretches }: ChartProps) {
  const [isTable, setTable] = useState(false);
  return (
    <section className="panel chart" aria-label={chart.title}>
      <header>
        <div className="grow">
          <h2>{chart.title}</h2>
          {chart.hint && <p className="faint small">{chart.hint}</p>}
        </div>
        <Legend chart={chart} />
        <IconButton label={isTable ? 'Show the chart' : 'Show a table'} size="small" onClick={() => setTable(!isTable)}>
          {isTable ? <ChartColumn aria-hidden="true" /> : <Table2 aria-hidden="true" />}
        </IconButton>
      </header>
      {isTable ? <Figures chart={chart} stretches={stretches} /> : <Drawn chart={chart} stretches={stretches} />}
    </section>
  );
}
