import { expect, test } from 'vitest';
import { diff, hunks } from './diff';

const shown = (old: string, young: string) =>
  diff(old, young).map(({ kind, text }) => `${{ same: ' ', added: '+', removed: '-' }[kind]}${text}`);

test('what stayed is between what went and what came', () => {
  expect(shown('a\nb\nc', 'a\nx\nc\nd')).toEqual([' a', '-b', '+x', ' c', '+d']);
});

test('both texts can be read off it', () => {
  const [old, young] = ['one\ntwo\ntwo\nthree', 'two\nthree\nfour\ntwo'];
  const lines = diff(old, young);
  expect(lines.filter(({ kind }) => kind !== 'added').map(({ text }) => text).join('\n')).toBe(old);
  expect(lines.filter(({ kind }) => kind !== 'removed').map(({ text }) => text).join('\n')).toBe(young);
  expect(lines.flatMap(({ after }) => after ?? [])).toEqual([1, 2, 3, 4]);
});

test('far from a change lines are left out, once', () => {
  const old = Array.from({ length: 20 }, (_, at) => `line ${at}`);
  const young = old.with(10, 'other');
  const parts = hunks(diff(old.join('\n'), young.join('\n')), 1);
  expect(parts.map((line) => line && line.text)).toEqual([null, 'line 9', 'line 10', 'other', 'line 11', null]);
});

test('of equal texts nothing is shown', () => {
  expect(hunks(diff('a\nb', 'a\nb'))).toEqual([]);
});
