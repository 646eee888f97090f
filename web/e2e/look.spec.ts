/** Every page, with words that nobody should run; light and dark, on a desk and on a phone, looked at by axe. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from '@playwright/test';
import type { AxeResults } from 'axe-core';
import { Bridge, expect, test } from './bridge';
import { fill, type Past } from './full';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let bridge: Bridge;
let past: Past;
test.beforeAll(async () => {
  test.setTimeout(180_000);
  bridge = await Bridge.start({}, 'past.model', ['--numbers']);
  past = await fill(bridge);
});
test.afterAll(() => bridge.stop());

const pages = (): string[] => [
  'live', 'calls', 'calls?q=prescription&from=2026-01-01', 'insights', 'insights?days=1', 'audit', `calls/${past.over}`, `calls/${past.live}`, 'messages', 'agents', 'agents/pharmacy', 'agents/pharmacy?tab=listening',
  'agents/pharmacy?tab=tools', 'agents/pharmacy?tab=routing', 'agents/pharmacy?tab=waiting', 'agents/pharmacy?tab=limits',
  'agents/pharmacy?tab=yaml', 'agents/pharmacy?tab=versions', 'numbers', 'hold-music', 'setup', 'test-call', 'nowhere',
];

/** What axe finds; by the debugger, for the page's policy lets no script in that is not its own. */
async function serious(page: Page, rules?: string[]): Promise<string[]> {
  const options = { resultTypes: ['violations'], ...(rules ? { runOnly: { type: 'rule', values: rules } } : {}) };
  const { violations } = await page.evaluate<AxeResults>(`axe.run(${JSON.stringify(options)})`);
  const found = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}

/** The colours are the new ones: nothing is on its way from the old. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    for (let frame = 0; frame < 2; frame++) await new Promise((next) => requestAnimationFrame(next));
    const ending = document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map(({ finished }) => finished));
  });
}

for (const [kind, viewport] of Object.entries({ desk: { width: 1360, height: 860 }, phone: { width: 390, height: 844 } })) {
  test(`nothing serious on any page, light or dark: ${kind}`, async ({ page }) => {
    test.setTimeout(480_000);
    await page.setViewportSize(viewport);
    for (const path of pages()) {
      await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
      await page.goto(`${bridge.url}/console/${path}`);
      await expect(page.getByRole('heading').first()).toBeVisible();
      await expect(page.locator('.waiting')).toHaveCount(0);
      await page.evaluate(AXE);
      expect(await serious(page), path).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(overflow, `${path} is wider than the screen`).toBeLessThanOrEqual(0);
      // The rest of the page is the same in the dark.
      await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
      await settled(page);
      expect(await serious(page, ['color-contrast', 'link-in-text-block']), `${path}, dark`).toEqual([]);
    }
  });
}

const HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>';

/** What a person, a caller, a model or a tool may have written; not what the API itself spells. */
const WRITTEN = new Set([
  'from', 'to', 'name', 'text', 'title', 'why', 'number', 'description', 'detail', 'instructions', 'on', 'address', 'error', 'cause', 'digits',
]);

function poisoned(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return WRITTEN.has(key) ? `${value}${HOSTILE}` : value;
  if (Array.isArray(value)) return value.map((item) => poisoned(item, key));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, poisoned(inner, name)]));
}

test('whatever anybody has written is shown, and not run', async ({ page }) => {
  test.setTimeout(180_000);
  const shown: string[] = [];
  await page.route(
    (url) => url.origin === bridge.url && !/^\/(console|assets)/.test(url.pathname) && !url.pathname.endsWith('/session'),
    async (route) => {
      const response = await route.fetch({ maxRedirects: 0 });
      const isJson = response.headers()['content-type']?.includes('json') ?? false;
      if (isJson) await route.fulfill({ response, json: poisoned(await response.json()) });
      else await route.fulfill({ response });
    },
  );
  for (const path of pages()) {
    await page.goto(`${bridge.url}/console/${path}`);
    await expect(page.getByRole('heading').first()).toBeVisible();
    await expect(page.locator('.waiting')).toHaveCount(0);
    expect(await page.locator('img[src="x"], script:not([src])').count(), path).toBe(0);
    const text = await page.evaluate(() => document.body.innerText + [...document.querySelectorAll('input, textarea')].map((field) => (field as HTMLInputElement).value).join());
    if (text.includes(HOSTILE)) shown.push(path);
  }
  // It was there to be run.
  const written = ['live', 'calls', 'calls?q=prescription&from=2026-01-01', 'audit', `calls/${past.over}`, 'messages', 'agents', 'agents/pharmacy', 'hold-music', 'numbers'];
  expect(shown).toEqual(expect.arrayContaining(written));
});
