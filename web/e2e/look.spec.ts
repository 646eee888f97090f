/** Every page, light and dark, on a desk and on a phone, looked at by axe. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { Bridge, expect, test } from './bridge';
import { fill, type Past } from './full';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let bridge: Bridge;
let past: Past;
test.beforeAll(async () => {
  test.setTimeout(180_000);
  bridge = await Bridge.start({}, 'past.model');
  past = await fill(bridge);
});
test.afterAll(() => bridge.stop());

const pages = (): string[] => [
  'live', 'calls', `calls/${past.over}`, `calls/${past.live}`, 'messages', 'agents', 'agents/pharmacy', 'agents/pharmacy?tab=listening',
  'agents/pharmacy?tab=tools', 'agents/pharmacy?tab=routing', 'agents/pharmacy?tab=waiting', 'agents/pharmacy?tab=limits',
  'agents/pharmacy?tab=yaml', 'agents/pharmacy?tab=versions', 'numbers', 'hold-music', 'setup', 'test-call', 'nowhere',
];

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [kind, viewport] of Object.entries({ desk: { width: 1360, height: 860 }, phone: { width: 390, height: 844 } })) {
    test(`nothing serious on any page: ${colorScheme}, ${kind}`, async ({ page }) => {
      test.setTimeout(480_000);
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(viewport);
      for (const path of pages()) {
        await page.goto(`${bridge.url}/console/${path}`);
        await expect(page.getByRole('heading').first()).toBeVisible();
        await expect(page.locator('.waiting')).toHaveCount(0);
        // By the debugger: the page's policy lets no script in that is not its own.
        await page.evaluate(AXE);
        const { violations } = await page.evaluate<AxeResults>('axe.run()');
        const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
        expect(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`), path).toEqual([]);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(overflow, `${path} is wider than the screen`).toBeLessThanOrEqual(0);
      }
    });
  }
}
