/** Who comes in, and what the page may do. */
import { Bridge, expect, test } from './bridge';

const TOKEN = 'correct horse battery staple';

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
  for (const name of ['History', 'Messages', 'Agents', 'Numbers', 'Hold music', 'Setup']) {
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
