/** A chart on a canvas, by uPlot: its colours are those of the page, its axes say when and how much. */
import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import { type ChartOf, type Stretch, tick } from './charts';

const HEIGHT = 190;
const TICK_WIDTH = 64;
const FONT = "12px 'Geist Variable', system-ui, sans-serif";
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000];
/** In milliseconds: seconds, minutes and hours, not thousands of them. */
const TIME_STEPS = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000];

export interface Colours {
  one: string;
  two: string;
  text: string;
  grid: string;
}

/** They are what the style sheet makes of them on this ground. */
export function coloursOf(box: HTMLElement): Colours {
  const of = (name: string) => {
    const probe = box.querySelector<HTMLElement>(`.probe.${name}`);
    return probe ? getComputedStyle(probe).color : 'currentColor';
  };
  return { one: of('one'), two: of('two'), text: of('text'), grid: of('grid') };
}

function seriesOf(chart: ChartOf, colours: Colours): uPlot.Series[] {
  const bars = uPlot.paths.bars?.({ size: [0.72, 44], radius: 0.12 });
  return chart.series.map(({ name, tone }) => {
    const colour = colours[tone];
    if (chart.kind === 'bars') {
      return { label: name, stroke: colour, fill: colour, width: 0, points: { show: false }, ...(bars ? { paths: bars } : {}) };
    }
    return {
      label: name,
      stroke: colour,
      width: 2,
      ...(tone === 'two' ? { dash: [6, 4] } : {}),
      points: { show: true, size: 6, width: 1, stroke: colour, fill: colour },
    };
  });
}

function axesOf(chart: ChartOf, stretches: Stretch[], centres: number[], colours: Colours): uPlot.Axis[] {
  const common: uPlot.Axis = { stroke: colours.text, font: FONT, ticks: { show: false } };
  const shown = (plot: uPlot) => {
    const every = Math.max(1, Math.ceil((centres.length * TICK_WIDTH) / Math.max(1, plot.over.clientWidth || plot.width)));
    return centres.map((_, number) => number).filter((number) => number % every === 0);
  };
  const steps = chart.isWhole ? WHOLE_STEPS : chart.kind === 'lines' ? TIME_STEPS : null;
  return [
    {
      ...common,
      size: 28,
      gap: 6,
      grid: { show: false },
      splits: (plot) => shown(plot).map((number) => centres[number] ?? 0),
      values: (plot) => shown(plot).map((number) => (stretches[number] ? tick(stretches[number]) : '')),
    },
    {
      ...common,
      gap: 8,
      size: (_, values) => Math.max(0, ...(values ?? []).map((value) => value.length)) * 6.6 + 16,
      space: 38,
      grid: { stroke: colours.grid, width: 1 },
      values: (_, splits) => splits.map((value) => chart.format(value)),
      ...(steps ? { incrs: steps } : {}),
    },
  ];
}

export interface Plot {
  /** Points at one of the stretches, or away. */
  point: (number: number | null) => void;
  destroy: () => void;
}

/** `onPoint`: somebody points at this stretch, at so many pixels from the left. */
export function plot(
  box: HTMLElement,
  chart: ChartOf,
  stretches: Stretch[],
  colours: Colours,
  onPoint: (number: number | null, left: number) => void,
): Plot {
  const centres = stretches.map(({ fromMs, lastsMs }) => (fromMs + lastsMs / 2) / 1_000);
  const [first, last] = [stretches[0], stretches.at(-1)];
  const range: uPlot.Range.MinMax = [(first?.fromMs ?? 0) / 1_000, ((last?.fromMs ?? 0) + (last?.lastsMs ?? 1)) / 1_000];
  const made = new uPlot(
    {
      width: Math.max(1, box.clientWidth),
      height: HEIGHT,
      padding: [12, 10, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        // It stands at a stretch, not between two.
        move: (plot, left, top) => [left < 0 ? left : plot.valToPos(centres[plot.posToIdx(left)] ?? 0, 'x'), top],
        drag: { x: false, y: false },
        points: chart.kind === 'bars' ? { show: false } : { size: 9 },
      },
      scales: { x: { time: true, range: () => range }, y: { range: (_, __, max) => [0, chart.isWhole ? Math.max(4, Math.ceil(max * 1.1)) : (max || 1) * 1.1] } },
      series: [{}, ...seriesOf(chart, colours)],
      axes: axesOf(chart, stretches, centres, colours),
      hooks: {
        setCursor: [
          (plot) => {
            const { idx, left } = plot.cursor;
            const at = idx === null || idx === undefined || left === undefined || left < 0 ? null : idx;
            onPoint(at, at === null ? 0 : plot.valToPos(centres[at] ?? 0, 'x') + plot.over.offsetLeft);
          },
        ],
      },
    },
    [centres, ...chart.series.map(({ values }) => values)],
    box,
  );
  const sizes = new ResizeObserver(() => made.setSize({ width: Math.max(1, box.clientWidth), height: HEIGHT }));
  sizes.observe(box);
  return {
    point: (number) => {
      const centre = number === null ? undefined : centres[number];
      made.setCursor(centre === undefined ? { left: -10, top: -10 } : { left: made.valToPos(centre, 'x'), top: 20 });
    },
    destroy: () => {
      sizes.disconnect();
      made.destroy();
    },
  };
}
