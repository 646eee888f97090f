import { expect, test } from 'vitest';
import { bounds, dayOf, type Range, readRange, writeRange } from './range';

const NOW = new Date(2026, 10, 22, 14, 5).getTime();
const ANY: Range = { kind: 'any' };

test('what is written into an address is read again', () => {
  const ranges: Range[] = [ANY, { kind: 'days', days: 7 }, { kind: 'own', from: '2026-11-01', to: '' }, { kind: 'own', from: '', to: '2026-11-03' }];
  for (const range of ranges) {
    const search = new URLSearchParams('days=3&from=2020-01-01&q=x');
    writeRange(search, range);
    expect(readRange(search, ANY)).toEqual(range);
    expect(search.get('q')).toBe('x');
  }
});

test('what nobody could have written is as usual', () => {
  for (const wrong of ['days=0', 'days=-1', 'days=1e9', 'days=x', 'from=yesterday']) {
    expect(readRange(new URLSearchParams(wrong), ANY)).toEqual(ANY);
  }
});

test('days begin at midnight, and the last one is within', () => {
  expect(bounds({ kind: 'days', days: 1 }, NOW)).toEqual({ fromMs: new Date(2026, 10, 22).getTime(), toMs: null });
  expect(bounds({ kind: 'days', days: 30 }, NOW).fromMs).toBe(new Date(2026, 9, 24).getTime());
  const own = bounds({ kind: 'own', from: '2026-11-01', to: '2026-11-30' }, NOW);
  expect(own).toEqual({ fromMs: new Date(2026, 10, 1).getTime(), toMs: new Date(2026, 11, 1).getTime() });
  expect(dayOf(NOW)).toBe('2026-11-22');
});
