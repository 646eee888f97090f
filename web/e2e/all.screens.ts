/** A picture of every page, light and dark, on a desk and on a phone: `make screens`. */
import { resolve } from 'node:path';
import { Bridge, expect, test } from './bridge';
import { fill } from './full';

const FOLDER = resolve(import.meta.dirname, '../../docs/screens');
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

test('every page', async ({ browser }) => {
  test.setTimeout(600_000);
  const bridge = await Bridge.start({}, 'past.model', ['--numbers']);
  const closed = await Bridge.start({ CONSOLE_TOKEN: 'x' });
  const past = await fill(bridge);
  const pages: Record<string, string> = {
    live: 'live', call: `calls/${past.over}`, 'call-live': `calls/${past.live}`, history: 'calls', search: 'calls?q=prescription+ready', insights: 'insights?days=1',
    messages: 'messages', agents: 'agents',
    agent: 'agents/pharmacy', 'agent-tools': 'agents/restaurant?tab=tools', 'agent-hours': 'agents/pharmacy?tab=routing',
    'agent-versions': 'agents/pharmacy?tab=versions', numbers: 'numbers', 'hold-music': 'hold-music', setup: 'setup', 'test-call': 'test-call?agent=pharmacy', audit: 'audit',
  };
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce', locale: 'en-GB' });
      const page = await context.newPage();
      const take = (name: string) => page.screenshot({ path: `${FOLDER}/${name}-${colorScheme}-${size}.png` });
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(`${bridge.url}/console/${path}`);
        await expect(page.getByRole('heading').first()).toBeVisible();
        await expect(page.locator('.waiting, .spinner')).toHaveCount(0);
        if (name === 'call') {
          await expect(page.locator('.picture')).toBeVisible({ timeout: 60_000 });
          await page.getByText('Is my prescription').click();
          await page.getByRole('button', { name: 'Pause' }).click();
        }
        if (name === 'live') await expect(page.locator('.last').first()).not.toBeEmpty();
        await take(name);
      }
      await page.goto(closed.url);
      await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
      await take('sign-in');
      await context.close();
    }
  }
  await Promise.all([bridge.stop(), closed.stop()]);
});
