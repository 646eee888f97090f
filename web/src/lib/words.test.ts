import { expect, test } from 'vitest';
import { hits, marked, wordsOf } from './words';

const shown = (text: string, wanted: string) =>
  marked(text, wordsOf(wanted))
    .map(({ text, isHit }) => (isHit ? `[${text}]` : text))
    .join('');

test('words are marked whole, in any case, and nothing else is', () => {
  expect(shown('Is my Pizza ready? The pizzas are.', 'pizza READY')).toBe('Is my [Pizza] [ready]? The pizzas are.');
  expect(shown('Grün-Weiß', 'weiß')).toBe('Grün-[Weiß]');
  expect(shown('as it was', '')).toBe('as it was');
  expect(shown('<b>pizza</b>', 'b')).toBe('<b>pizza</b>');
});

test('scripts without spaces are marked by pairs of letters', () => {
  expect(shown('私の処方箋です', '処方箋')).toBe('私の[処方箋]です');
});

test('a text is put together again as it was', () => {
  const text = 'Order 4711, for “Eve”: 処方箋 … 😀 done';
  expect(marked(text, wordsOf('4711 eve 処方 done')).map((part) => part.text).join('')).toBe(text);
});

test('of a line it is told how many of the words it has', () => {
  expect(hits('Your pizza, a pizza, is ready', wordsOf('pizza ready now'))).toBe(2);
});
