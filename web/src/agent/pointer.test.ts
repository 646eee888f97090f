import { expect, test } from 'vitest';
import { isWithin, read, segment, write } from './pointer';

test('a value is read where the pointer points', () => {
  const document = { a: [{ 'b/c': 1 }], '~': 2 };
  expect(read(document, '/a/0/b~1c')).toBe(1);
  expect(read(document, '/~0')).toBe(2);
  expect(read(document, '/a/7/b')).toBeUndefined();
  expect(read(document, '')).toBe(document);
  expect(segment('b/c~')).toBe('b~1c~0');
});

test('a change leaves the rest, and the document before it, as they were', () => {
  const before = { id: 'x', limits: { call: 1, tool: 2 }, tools: ['a', 'b', 'c'] };
  const copy = structuredClone(before);
  expect(write(before, '/limits/call', 5)).toEqual({ id: 'x', limits: { call: 5, tool: 2 }, tools: ['a', 'b', 'c'] });
  expect(write(before, '/tools/1', undefined).tools).toEqual(['a', 'c']);
  expect(write(before, '/limits/tool', undefined).limits).toEqual({ call: 1 });
  expect(before).toEqual(copy);
});

test('what is not there on the way is made, and order is kept', () => {
  expect(write({ id: 'x' }, '/keypad/actions/1', { do: 'hold' })).toEqual({ id: 'x', keypad: { actions: { 1: { do: 'hold' } } } });
  expect(Object.keys(write({ a: 1, b: 2, c: 3 }, '/b', 9))).toEqual(['a', 'b', 'c']);
});

test('a place is within what is above it, by whole steps', () => {
  expect(isWithin('/limits/call', '/limits')).toBe(true);
  expect(isWithin('/limits', '/limits')).toBe(true);
  expect(isWithin('/limitsx', '/limits')).toBe(false);
});
