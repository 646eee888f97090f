import { expect, test } from 'vitest';
import { Schedule } from './listening';

test('pieces of both sides sound where they belong', () => {
  const schedule = new Schedule();
  expect(schedule.at(8_000, 10)).toBeCloseTo(10.4);
  expect(schedule.at(8_000, 10.1)).toBeCloseTo(10.4);
  expect(schedule.at(9_600, 10.2)).toBeCloseTo(10.6);
});

test('one that comes too late begins a new clock, and so does one that is far away', () => {
  const schedule = new Schedule();
  schedule.at(0, 0);
  expect(schedule.at(1_600, 2)).toBeCloseTo(2.4);
  expect(schedule.at(3_200, 2.1)).toBeCloseTo(2.6);
  expect(schedule.at(800_000, 2.2)).toBeCloseTo(2.6);
});
