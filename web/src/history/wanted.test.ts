import { expect, test } from 'vitest';
import type { Call } from '../api/types';
import { addressOf, isWanted, questionOf, readWanted } from './wanted';

const NOW = new Date(2026, 10, 22, 14, 5).getTime();
const ask = (address: string) => questionOf(readWanted(new URLSearchParams(address)), NOW);

test('an address is kept as it is', () => {
  for (const search of ['', '?q=is+it+ready', '?q=pizza&number=%2B15005550142&agent=pharmacy&outcome=agent_hung_up&from=2026-11-01&to=2026-11-03']) {
    expect(addressOf(readWanted(new URLSearchParams(search)))).toBe(`/calls${search}`);
  }
});

test('words, whole numbers, agents and endings are searched for, and nothing is where nothing is said', () => {
  expect(ask('').search).toBe('');
  expect(ask('q=a').search).toBe('');
  expect(ask('days=7').search).toBe('');
  expect(ask('q=ready&agent=pharmacy').search).toBe('q=ready&agent=pharmacy');
  expect(ask('number=%2B1%20(500)%20555-0142').search).toBe('number=%2B15005550142');
  expect(ask('q=%2B1+500+555+0142').search).toBe('number=%2B15005550142');
  expect(ask('q=4711').search).toBe('q=4711');
  expect(new URLSearchParams(ask('q=ready&days=1').search).get('from')).toBe(new Date(2026, 10, 22).toISOString());
});

test('a part of a number, and days of a list, are looked at here', () => {
  const call = { from: '+15005550142', to: '+15005550001', began_at_ms: NOW } as Call;
  expect(ask('number=0142').search).toBe('');
  expect(isWanted(call, ask('number=0142'))).toBe(true);
  expect(isWanted(call, ask('number=0143'))).toBe(false);
  expect(isWanted(call, ask('days=1'))).toBe(true);
  expect(isWanted(call, ask('from=2026-11-01&to=2026-11-21'))).toBe(false);
});
