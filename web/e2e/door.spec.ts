/** Who comes in, and what the page may do. */
import { createHmac } from 'node:crypto';
import type { Page } from '@playwright/test';
import { Bridge, expect, test } from './bridge';

const TOKEN = 'correct horse battery staple';

/** As `shared/src/console/pass.rs` signs them; one that could be had only by waiting. */
function pass(key: string, role: string, untilMs: number): string {
  const text = `vb1.g${role}.${untilMs - 1_000}.${untilMs}.${Buffer.from('somebody').toString('base64url')}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

async function signIn(page: Page, bridge: Bridge, token: string, path = ''): Promise<void> {
  await page.goto(`${bridge.url}/console/${path}`);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test.describe('with a token', () => {
  let closed: Bridge;
  test.beforeAll(async () => {
    closed = await Bridge.start({ CONSOLE_TOKEN: TOKEN });
  });
  test.afterAll(() => closed.stop());

  test('one signs in, is let back in after a reload, and out', async ({ page }) => {
    await page.goto(`${closed.url}/console/agents`);
    await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
    await page.getByLabel('Token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByText('the token is not one of ours')).toBeVisible();
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Agents', level: 1 })).toBeVisible();
    const kept = await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }));
    expect(kept).not.toContain(TOKEN);
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Agents', level: 1 })).toBeVisible();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  });

  test('a viewer is offered nothing that is not theirs', async ({ page }) => {
    const pass = await closed.api<{ token: string }>('POST', '/api/passes', { role: 'viewer', name: 'wallboard', days: 1 }, {
      authorization: `Bearer ${TOKEN}`,
    });
    await page.goto(closed.url);
    await page.getByLabel('Token').fill(pass.token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Live', level: 1 })).toBeVisible();
    await page.getByRole('link', { name: 'Agents' }).click();
    await expect(page.getByRole('heading', { name: 'No agent is stored' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'New agent' })).toHaveCount(0);
    await expect(page.getByRole('link', { name: 'Audit' })).toHaveCount(0);
  });

  test('two operators and a viewer see the same words at once, and only operators act', async ({ browser }) => {
    const hour = Date.now() + 3_600_000;
    const pages = await Promise.all(['o', 'o', 'v'].map(async () => (await browser.newContext()).newPage()));
    const [one, other, viewer] = pages;
    if (!one || !other || !viewer) throw new Error('three pages');
    for (const page of pages) await signIn(page, closed, pass(TOKEN, page === viewer ? 'v' : 'o', hour));
    closed.call('patient.caller', ['--from', '+15005550333']);
    for (const page of pages) {
      await page.getByRole('link', { name: '+15005550333' }).click();
      await expect(page.getByRole('region', { name: 'Transcript' })).toContainText('Harbour Street Pharmacy and Kitchen');
    }
    await expect(viewer.getByRole('button', { name: 'Export' })).toBeVisible();
    for (const name of ['Hang up', 'Hold', 'Listen', 'Transfer']) {
      await expect(viewer.getByRole('button', { name, exact: true })).toHaveCount(0);
    }
    const sid = /CA[0-9a-f]{32}/.exec(viewer.url())?.[0] ?? '';
    for (const path of [`/calls/${sid}/hangup`, `/api/calls/${sid}/hold`]) {
      const headers = { authorization: `Bearer ${pass(TOKEN, 'v', hour)}` };
      expect((await fetch(`${closed.url}${path}`, { method: 'POST', headers })).status, path).toBe(403);
    }

    await other.getByRole('button', { name: 'Hold' }).click();
    for (const page of pages) await expect(page.getByText('On hold', { exact: true }).first()).toBeVisible();
    await one.getByRole('button', { name: 'Hang up' }).click();
    await one.getByRole('alertdialog').getByRole('button', { name: 'Hang up' }).click();
    for (const page of pages) {
      await expect(page.getByText('Operator hung up', { exact: true })).toBeVisible();
      await page.context().close();
    }
  });

  test('a forged, an expired and a missing token are refused, and the audit says so', async ({ page }) => {
    const over = pass(TOKEN, 'a', Date.now() - 1);
    const forged = pass('another key', 'a', Date.now() + 3_600_000);
    for (const token of [forged, over, null]) {
      const headers = new Headers(token === null ? {} : { authorization: `Bearer ${token}` });
      for (const path of ['/calls', '/api/audit', '/api/search?q=ready']) {
        expect((await fetch(`${closed.url}${path}`, { headers })).status, path).toBe(401);
      }
    }
    await signIn(page, closed, over, 'audit');
    await expect(page.getByText('the token has expired; sign in again')).toBeVisible();
    await signIn(page, closed, TOKEN, 'audit');
    const acts = page.getByRole('region', { name: 'What was done' });
    for (const act of ['Token: refused', 'Token: expired', 'Token: missing']) {
      const row = acts.getByRole('row').filter({ hasText: act }).first();
      await expect(row).toContainText('Not let in 401');
      await expect(row).toContainText('Somebody');
    }
    await expect(acts.getByRole('row', { name: /Call: hang up somebody operator/ })).toContainText('Done');
    await expect(acts.getByRole('row', { name: /Call: hang up somebody viewer/ })).toContainText('Not allowed 403');
  });

  test('a session that is over leads to the sign-in page and back', async ({ page }) => {
    await page.goto(`${closed.url}/console/numbers`);
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Numbers', level: 1 })).toBeVisible();
    await page.evaluate(() => sessionStorage.setItem('voicebridge.token', 'of another key'));
    await page.getByRole('link', { name: 'Agents' }).click();
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Agents', level: 1 })).toBeVisible();
  });
});

test('nothing is asked of anybody else, and nothing may be', async ({ page, bridge }) => {
  const asked = new Set<string>();
  page.on('request', (request) => asked.add(new URL(request.url()).origin));
  const response = await page.goto('/');
  const policy = response?.headers()['content-security-policy'] ?? '';
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
  for (const name of ['History', 'Insights', 'Messages', 'Agents', 'Numbers', 'Hold music', 'Setup', 'Audit']) {
    await page.getByRole('link', { name, exact: true }).click();
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  }
  expect([...asked]).toEqual([bridge.url]);
});

test('the checklist says what is wrong and how to mend it', async ({ page }) => {
  await page.goto('/console/setup');
  await expect(page.getByText('no Twilio account is configured')).toBeVisible();
  await expect(page.getByText(/set TWILIO_ACCOUNT_SID/)).toBeVisible();
  await expect(page.getByText(/Twilio cannot reach this machine/)).toBeVisible();
});

test('an address that is no page says so', async ({ page }) => {
  await page.goto('/console/nowhere');
  await expect(page.getByRole('heading', { name: 'There is no such page' })).toBeVisible();
});

test('the theme is as one wants it, and stays so', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto('/');
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  const light = await ground();
  await page.getByRole('button', { name: 'Dark' }).click();
  await expect.poll(ground).not.toBe(light);
  await page.reload();
  await expect.poll(ground).not.toBe(light);
});

test('one gets about by keys alone', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to the page' })).toBeFocused();
  await page.getByRole('link', { name: 'Agents' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Agents', level: 1 })).toBeVisible();
  await page.getByRole('button', { name: 'New agent' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog').getByLabel('Name')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'New agent' })).toBeFocused();
});
