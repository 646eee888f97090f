/** Signing in by a provider: there, back to where one wanted to go, and out. */
import type { Page } from '@playwright/test';
import { Bridge, expect, test } from './bridge';
import { Issuer } from './issuer';

const TOKEN = 'correct horse battery staple';

let issuer: Issuer;
let bridge: Bridge;

test.beforeAll(async () => {
  issuer = await Issuer.start([
    { name: 'ada', groups: ['operator'] },
    { name: 'guest', groups: ['visitors'] },
  ]);
  bridge = await Bridge.start({ CONSOLE_TOKEN: TOKEN, OIDC_ISSUER: issuer.url, OIDC_CLIENT_ID: 'console' });
});

test.afterAll(async () => {
  await bridge.stop();
  issuer.stop();
});

test.beforeEach(() => {
  issuer.lies = {};
});

async function goAs(page: Page, name: string, path = '/console/agents?q=night'): Promise<void> {
  await page.goto(`${bridge.url}${path}`);
  await page.getByRole('button', { name: 'Sign in with 127.0.0.1' }).click();
  await page.getByRole('link', { name }).click();
}

test('one goes there, comes back to where one wanted to go, and is what the provider says', async ({ page }) => {
  const asked = new Set<string>();
  page.on('request', (request) => {
    if (!request.isNavigationRequest()) asked.add(new URL(request.url()).origin);
  });
  await goAs(page, 'ada');
  await expect(page.getByRole('heading', { name: 'Agents', level: 1 })).toBeVisible();
  expect(page.url()).toBe(`${bridge.url}/console/agents?q=night`);
  // An operator's, not an admin's.
  await expect(page.getByRole('button', { name: 'New agent' })).toHaveCount(0);
  const kept = await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }));
  expect(kept).toContain('vb1.so.');
  for (const theirs of ['eyJ', 'code', 'verifier', 'nonce']) expect(kept).not.toContain(theirs);
  // The page itself asks nobody but us: where it is led is the browser's affair.
  expect([...asked]).toEqual([bridge.url]);
  const { acts } = await bridge.api<{ acts: { act: string; name: string; status: number }[] }>('GET', '/api/audit', undefined, {
    authorization: `Bearer ${TOKEN}`,
  });
  expect(acts[0]).toMatchObject({ act: 'sign_in', name: 'ada', status: 201 });
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Agents', level: 1 })).toBeVisible();
});

test('each sign-in is bound to its tab, and who has signed out is asked again who they are', async ({ page }) => {
  const before = issuer.asked.length;
  await goAs(page, 'ada');
  await expect(page.getByRole('heading', { name: 'Agents', level: 1 })).toBeVisible();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in with 127.0.0.1' }).click();
  await page.getByRole('link', { name: 'ada' }).click();
  await expect(page.getByRole('heading', { name: 'Agents', level: 1 })).toBeVisible();
  const [first, second] = issuer.asked.slice(before);
  expect([first?.get('prompt'), second?.get('prompt')]).toEqual([null, 'login']);
  expect(second?.get('code_challenge_method')).toBe('S256');
  for (const name of ['state', 'nonce', 'code_challenge']) expect(first?.get(name)).not.toBe(second?.get(name));
});

test('who is refused is told why, and may try again or take a token', async ({ page }) => {
  await goAs(page, 'nobody');
  await expect(page.getByText('The provider says: access_denied')).toBeVisible();
  await goAs(page, 'guest');
  await expect(page.getByText('the provider knows you, but gives you no role here')).toBeVisible();
  issuer.lies = { nonce: 'of another page' };
  await goAs(page, 'ada');
  await expect(page.getByText('the token answers another request')).toBeVisible();
  expect(page.url()).not.toContain('code=');
  await page.getByLabel('Token').fill(TOKEN);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Agents', level: 1 })).toBeVisible();
});

test('a link that somebody else made up signs nobody in', async ({ page }) => {
  await page.goto(`${bridge.url}/console/sign-in?code=stolen&state=guessed`);
  await expect(page.getByText('This sign-in was not begun in this tab')).toBeVisible();
  expect(await page.evaluate(() => sessionStorage.getItem('voicebridge.token'))).toBeNull();
});
