import { expect, test } from 'vitest';
import { PRESETS, preset, renamed } from './presets';

test('every example can be begun with', async () => {
  expect(PRESETS.map(({ label }) => label)).toEqual(['After hours', 'Pharmacy', 'Restaurant']);
  const documents = await Promise.all(PRESETS.map(({ value }) => preset(value, 'mine', 'Mine')));
  for (const yaml of documents) {
    expect(yaml).toMatch(/^id: "mine"\nname: "Mine"\n/);
    expect(yaml).toContain('instructions:');
  }
});

test('a name may have anything in it', () => {
  expect(renamed('# An example.\nid: a\nname: A\nvoice: marin\n', 'b', 'B: "$1" # c')).toBe('id: "b"\nname: "B: \\"$1\\" # c"\nvoice: marin\n');
});
