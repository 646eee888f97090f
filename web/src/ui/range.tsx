/** Which days: the last ones, or one's own. */
import { dayOf, type Range } from '../lib/range';
import { useToday } from '../lib/now';
import { Select } from './choices';

const DAY_MS = 86_400_000;
const OWN_DAYS = 7;

const LAST: { value: string; days: number; label: string }[] = [
  { value: '1', days: 1, label: 'Today' },
  { value: '7', days: 7, label: '7 days' },
  { value: '30', days: 30, label: '30 days' },
];

interface RangeProps {
  range: Range;
  onChange: (range: Range) => void;
}

function valueOf(range: Range): string {
  return range.kind === 'days' ? String(range.days) : range.kind;
}

function chosen(value: string): Range {
  if (value === 'any') return { kind: 'any' };
  if (value !== 'own') return { kind: 'days', days: Number(value) };
  const now = Date.now();
  return { kind: 'own', from: dayOf(now - (OWN_DAYS - 1) * DAY_MS), to: dayOf(now) };
}

/** From one day to another, both included. */
function OwnDays({ range, onChange }: RangeProps) {
  const today = dayOf(useToday());
  if (range.kind !== 'own') return null;
  const { from, to } = range;
  return (
    <div className="own-days">
      <input
        type="date"
        className="input"
        aria-label="First day"
        value={from}
        max={to || today}
        onChange={({ target }) => onChange({ kind: 'own', from: target.value, to })}
      />
      <span className="faint">to</span>
      <input
        type="date"
        className="input"
        aria-label="Last day"
        value={to}
        min={from}
        max={today}
        onChange={({ target }) => onChange({ kind: 'own', from, to: target.value })}
      />
    </div>
  );
}

/** Where any time is a choice, too. */
export function RangeSelect({ range, onChange }: RangeProps) {
  const choices = [
    { value: 'any', label: 'Any time' },
    ...LAST.map(({ value, label, days }) => ({ value, label: days > 1 ? `Last ${label}` : label })),
    { value: 'own', label: 'From … to …' },
  ];
  return (
    <>
      <Select label="Time" value={valueOf(range)} choices={choices} onChange={(value) => onChange(chosen(value))} />
      <OwnDays range={range} onChange={onChange} />
    </>
  );
}

export function RangeSegments({ range, onChange }: RangeProps) {
  const now = valueOf(range);
  return (
    <>
      <OwnDays range={range} onChange={onChange} />
      <div className="segments" role="group" aria-label="Time">
        {[...LAST, { value: 'own', label: 'Own' }].map(({ value, label }) => (
          <button key={value} type="button" className="segment" aria-pressed={value === now} onClick={() => onChange(chosen(value))}>
            {label}
          </button>
        ))}
      </div>
    </>
  );
}
