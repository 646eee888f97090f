/** A stretch of time as one chooses it: the last days, or from one day to another, by the calendar of whoever looks. */

export type Range = { kind: 'any' } | { kind: 'days'; days: number } | { kind: 'own'; from: string; to: string };

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Out of an address. */
export function readRange(search: URLSearchParams, usual: Range): Range {
  const [from, to] = [search.get('from') ?? '', search.get('to') ?? ''];
  if (DAY.test(from) || DAY.test(to)) return { kind: 'own', from: DAY.test(from) ? from : '', to: DAY.test(to) ? to : '' };
  const days = Number(search.get('days'));
  return Number.isInteger(days) && days > 0 && days <= 90 ? { kind: 'days', days } : usual;
}

/** Into an address. */
export function writeRange(search: URLSearchParams, range: Range): void {
  for (const name of ['from', 'to', 'days']) search.delete(name);
  if (range.kind === 'days') search.set('days', String(range.days));
  if (range.kind !== 'own') return;
  if (range.from) search.set('from', range.from);
  if (range.to) search.set('to', range.to);
}

export interface Bounds {
  fromMs: number | null;
  /** Not included. */
  toMs: number | null;
}

function midnight(day: string, more = 0): number | null {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return day === '' ? null : new Date(year, month - 1, date + more).getTime();
}

export function bounds(range: Range, nowMs: number): Bounds {
  switch (range.kind) {
    case 'any':
      return { fromMs: null, toMs: null };
    case 'days': {
      const now = new Date(nowMs);
      return { fromMs: new Date(now.getFullYear(), now.getMonth(), now.getDate() - range.days + 1).getTime(), toMs: null };
    }
    case 'own':
      return { fromMs: midnight(range.from), toMs: midnight(range.to, 1) };
  }
}

/** `2026-11-22`, by the local calendar. */
export function dayOf(unixMs: number): string {
  const day = new Date(unixMs);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
