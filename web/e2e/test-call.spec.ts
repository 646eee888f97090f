/** A call from the browser: a microphone that plays real speech, by the same way as the carrier's. */
import type { Page } from '@playwright/test';
import config from '../playwright.config';
import { Bridge, expect as usual, test as base } from './bridge';
import { speechFile } from './speech';

// Sound takes as long as it takes.
const expect = usual.configure({ timeout: 45_000 });

/** Whose agent does not mind being asked twice. */
const SCRIPT = 'newcomer.model';
const test = base.extend<object, { bridge: Bridge }>({
  bridge: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads the parameters' names
    async ({}, use) => {
      const bridge = await Bridge.start({}, SCRIPT);
      await use(bridge);
      await bridge.stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],
});

// The greeting takes four and a half seconds. Said again and again: a machine that has much to do may miss the first.
const SPOKEN = speechFile('caller-prescription', 7, 6);
const ARGS = config.use?.launchOptions?.args ?? [];
test.use({
  launchOptions: { ...config.use?.launchOptions, args: [...ARGS, `--use-file-for-fake-audio-capture=${SPOKEN}`] },
});

interface Held {
  call: { sid: string; channel: string; streams: number; status: { status: string; ending?: string } };
  events: { event: { event: string } }[];
}

const state = (page: Page) => page.getByRole('region', { name: 'Telephone' }).getByRole('status');
const meter = (page: Page, name: string) => page.getByRole('meter', { name });
const loudness = async (page: Page, name: string) => Number(await meter(page, name).getAttribute('aria-valuenow'));

async function call(page: Page, url = ''): Promise<void> {
  await page.goto(`${url}/console/test-call`);
  await page.getByRole('button', { name: 'Call', exact: true }).click();
  await expect(state(page)).toHaveText('Connected');
}

async function sidOf(page: Page): Promise<string> {
  const link = page.getByRole('link', { name: /All about this call|Listen to the recording/ });
  return (await link.getAttribute('href'))!.split('/').at(-1)!;
}

/** The loudest of each side of a recording: two channels of µ-law. */
async function sides(bridge: Bridge, sid: string): Promise<number[]> {
  const response = await fetch(`${bridge.url}/calls/${sid}/recording`);
  if (!response.ok) return [];
  const sound = Buffer.from(await response.arrayBuffer()).subarray(58);
  const loud = (byte: number) => 0x7f - (byte & 0x7f);
  return [0, 1].map((side) => sound.reduce((most, byte, at) => (at % 2 === side ? Math.max(most, loud(byte)) : most), 0));
}

test.describe.configure({ timeout: 240_000 });

test('a newcomer talks to the agent, sees the words, hears the answer, and finds the call with its recording', async ({ page, bridge }) => {
  await call(page);
  const sid = await sidOf(page);
  await expect.poll(() => loudness(page, 'The agent'), 'the greeting sounds').toBeGreaterThan(20);
  await expect(page.getByText('Thank you for calling Harbour Street')).toBeVisible();
  await expect.poll(() => loudness(page, 'You'), 'the microphone is heard').toBeGreaterThan(20);
  await expect(page.getByText('Hello. Is my prescription RX-1234 ready?')).toBeVisible();
  await expect(page.getByText('Yes, it is ready.')).toBeVisible();
  await expect(state(page)).toHaveText('Connected');
  await expect.poll(() => loudness(page, 'The agent'), 'the answer sounds').toBeGreaterThan(20);
  await page.getByRole('button', { name: '5' }).click();
  const pressed = async () => (await bridge.api<Held>('GET', `/calls/${sid}`)).events.some(({ event }) => event.event === 'dtmf');
  await expect.poll(pressed).toBe(true);
  await page.getByRole('button', { name: 'Hang up' }).click();
  await expect(state(page)).toHaveText('Over');
  const ended = async () => (await bridge.api<Held>('GET', `/calls/${sid}`)).call.status;
  await expect.poll(ended).toEqual({ status: 'ended', ending: 'caller_hung_up' });
  await expect.poll(async () => (await sides(bridge, sid)).every((side) => side > 40) && (await sides(bridge, sid)).length).toBe(2);
  await page.goto('/console/calls');
  await page.getByRole('main').getByRole('link', { name: 'Test call' }).first().click();
  await expect(page.locator('.picture')).toBeVisible();
  await expect(page.getByText('Caller hung up').first()).toBeVisible();
});

test('a stream that is lost comes back, and the call goes on', async ({ page, bridge }) => {
  await page.addInitScript(() => {
    const kept: WebSocket[] = [];
    Object.assign(window, { kept });
    window.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        kept.push(this);
      }
    };
  });
  await call(page);
  const sid = await sidOf(page);
  await expect(page.getByText('Thank you for calling')).toBeVisible();
  await page.evaluate(() => (window as unknown as { kept: WebSocket[] }).kept.findLast(({ url }) => url.endsWith('/call'))!.close());
  const streams = async () => (await bridge.api<Held>('GET', `/calls/${sid}`)).call.streams;
  await expect.poll(streams).toBe(2);
  await expect(state(page)).toHaveText('Connected');
  await expect(page.getByText('Hello. Is my prescription RX-1234 ready?')).toBeVisible();
  await page.getByRole('button', { name: 'Hang up' }).click();
  await expect(state(page)).toHaveText('Over');
});

test('who leaves the page hangs up, and who is hung up on sees it', async ({ page, bridge }) => {
  await call(page);
  const left = await sidOf(page);
  await page.getByRole('navigation').getByRole('link', { name: 'Agents' }).click();
  const ended = async () => (await bridge.api<Held>('GET', `/calls/${left}`)).call.status;
  await expect.poll(ended).toEqual({ status: 'ended', ending: 'caller_hung_up' });
  await call(page);
  await bridge.api('POST', `/calls/${await sidOf(page)}/hangup`);
  await expect(state(page)).toHaveText('Over');
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('by the gateway’s way, too', async ({ page }) => {
  const gateway = await Bridge.start({ MEDIA_PATH: 'gateway' }, SCRIPT);
  try {
    await call(page, gateway.url);
    await expect.poll(() => loudness(page, 'The agent')).toBeGreaterThan(20);
    await expect(page.getByText('Hello. Is my prescription RX-1234 ready?')).toBeVisible();
    await page.getByRole('button', { name: 'Mute' }).click();
    await expect.poll(() => loudness(page, 'You')).toBe(0);
    await page.getByRole('button', { name: 'Hang up' }).click();
    await expect(state(page)).toHaveText('Over');
  } finally {
    await gateway.stop();
  }
});

for (const [name, words, mend] of [
  ['NotAllowedError', 'The browser does not let this page have the microphone.', 'Allow it beside the address'],
  ['NotFoundError', 'There is no microphone.', 'Plug one in'],
] as const) {
  test(`without a microphone it is said what to do: ${name}`, async ({ page }) => {
    await page.addInitScript((name) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name));
    }, name);
    await page.goto('/console/test-call');
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await expect(page.getByRole('alert')).toContainText(words);
    await expect(page.getByRole('alert')).toContainText(mend);
    await expect(state(page)).toHaveText('Not connected');
  });
}

test('without room, and with a stream that is refused, it is said what to do', async ({ page, complaints }) => {
  const full = { type: 'about:blank', title: 'Service Unavailable', status: 503, detail: 'all lines are busy; try again in a moment' };
  await page.route('/api/test-calls', (route) => route.fulfill({ status: 503, json: full }), { times: 1 });
  await page.goto('/console/test-call');
  await page.getByRole('button', { name: 'Call', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('All lines are busy');
  expect(complaints.splice(0)).toEqual([expect.stringContaining('503')]);
  await page.routeWebSocket(/\/call$/, (socket) => socket.close({ code: 4_403 }));
  await page.getByRole('button', { name: 'Call', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('The stream was refused.');
});

test('an agent’s page leads to a call with it', async ({ page, bridge }) => {
  await bridge.api('POST', '/api/agents', { id: 'night', name: 'Night desk' });
  await page.goto('/console/agents/night');
  await page.getByRole('link', { name: 'Talk to it' }).click();
  await expect(page.getByRole('combobox', { name: 'Agent' })).toContainText('Night desk');
  const asked = page.waitForRequest('/api/test-calls');
  await page.getByRole('button', { name: 'Call', exact: true }).click();
  expect((await asked).postDataJSON()).toEqual({ agent: 'night' });
  await expect(state(page)).toHaveText('Connected');
});

test('who may only look is not offered a call', async ({ page }) => {
  await page.route('/api/session', (route) => route.fulfill({ json: { role: 'viewer', name: 'Vera', expires_at: null, open: false } }));
  await page.goto('/console/test-call');
  await expect(page.getByText('Test calls are for operators')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Call', exact: true })).toBeDisabled();
});
