import { expect, test } from 'vitest';
import { bytes, clock, dollars, sentence, span } from './format';

test('numbers are read as people read them', () => {
  expect([0, 7_900, 61_000, 3_753_000, -5].map(clock)).toEqual(['0:00', '0:07', '1:01', '1:02:33', '0:00']);
  expect([33, 1_400, 12_300, 200_000].map(span)).toEqual(['33 ms', '1.4 s', '12 s', '3:20']);
  expect([0, 0.0123, 1.2].map(dollars)).toEqual(['$0.00', '$0.0123', '$1.20']);
  expect([5, 2_048, 5_000_000].map(bytes)).toEqual(['5 B', '2.0 KB', '4.8 MB']);
  expect(sentence('caller_hung_up')).toBe('Caller hung up');
});
