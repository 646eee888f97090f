/** The live socket, played by the test: words while they are spoken, what is lost and comes back, listening in. */
import type { Page, WebSocketRoute } from '@playwright/test';
import { Bridge, expect, test } from './bridge';

const SID = `CA${'7'.repeat(32)}`;
const CALL = {
  sid: SID, from: '+15005550444', to: '+15005550001', agent: { id: 'default', name: 'Receptionist' }, media_path: 'direct',
  status: { status: 'in_progress' }, began_at_ms: Date.now(), streams: 1,
};

interface Wire {
  sockets: WebSocketRoute[];
  said: Record<string, unknown>[];
  tell: (message: object) => void;
}

async function wire(page: Page): Promise<Wire> {
  const sockets: WebSocketRoute[] = [];
  const said: Record<string, unknown>[] = [];
  await page.route(/\/calls\?limit=/, (route) => route.fulfill({ json: { calls: [CALL], next: null } }));
  await page.route(/:\d+\/calls\/CA/, (route) => route.fulfill({ json: { call: CALL, transcript: [], events: [], summary: {} } }));
  await page.routeWebSocket(/\/logs$/, (socket) => {
    sockets.push(socket);
    socket.onMessage((text) => {
      const message = JSON.parse(String(text)) as Record<string, unknown>;
      said.push(message);
      if (message['action'] !== 'hello') return;
      socket.send(JSON.stringify({ type: 'hello', role: 'admin', cursor: '1.a' }));
      socket.send(JSON.stringify({ type: 'entries', cursor: '1.b', replayed: true, truncated: false, entries: [{ kind: 'call', call: CALL }] }));
    });
  });
  return { sockets, said, tell: (message) => sockets.at(-1)?.send(JSON.stringify(message)) };
}

const line = (text: string, final: boolean) => ({
  kind: 'line', call: SID, fence: 1, final,
  line: { number: 1, at: 900, speaker: 'agent', item: 'i1', text, interrupted: null },
});

test('words appear while they are spoken, and the line’s quality beside them', async ({ page }) => {
  const { tell } = await wire(page);
  await page.goto(`/console/calls/${SID}`);
  await expect(page.locator('.side .connection')).toHaveText('Live');
  const transcript = page.getByText('Thank you for');
  tell({ type: 'entries', cursor: '1.c', entries: [line('Thank you for', false)] });
  await expect(transcript).toBeVisible();
  await expect(page.locator('.cursor')).toBeVisible();
  tell({ type: 'entries', cursor: '1.d', entries: [line('Thank you for calling.', true)] });
  await expect(page.getByText('Thank you for calling.')).toBeVisible();
  await expect(page.locator('.cursor')).toHaveCount(0);
  const quality = (at: number) => ({ kind: 'quality', call: SID, at, jitter_ms: 12, late: 1, lost: 0, mark_ms: 40 });
  tell({ type: 'entries', entries: [quality(1_000), quality(2_000)] });
  await expect(page.getByText('jitter 12 ms · 1 late · 0 lost · mark 40 ms')).toBeVisible();
});

test('a socket that is lost is said to be, and goes on from where it was', async ({ page }) => {
  const { sockets, said } = await wire(page);
  await page.goto('/console/live');
  await expect(page.locator('.side .connection')).toHaveText('Live');
  await sockets.at(-1)?.close({ code: 1001 });
  await expect(page.locator('.side .connection')).toContainText('Reconnecting');
  await expect(page.locator('.side .connection')).toHaveText('Live');
  expect(said.filter(({ action }) => action === 'hello').map(({ since }) => since)).toEqual([undefined, '1.b']);
});

test('an operator listens in, and stops', async ({ page }) => {
  const { said, tell } = await wire(page);
  await page.goto(`/console/calls/${SID}`);
  await page.getByRole('button', { name: 'Listen' }).click();
  await expect.poll(() => said.at(-1)).toEqual({ action: 'listen', call: SID });
  tell({ type: 'entries', entries: [{ kind: 'audio', call: SID, from: 8_000, side: 'agent', mulaw: Buffer.alloc(1_600, 0x80).toString('base64') }] });
  await page.getByRole('button', { name: 'Listening' }).click();
  await expect.poll(() => said.at(-1)).toEqual({ action: 'unlisten' });
});

test('who may not is told, and the socket stays', async ({ page }) => {
  const { tell } = await wire(page);
  await page.goto(`/console/calls/${SID}`);
  await expect(page.locator('.side .connection')).toHaveText('Live');
  tell({ type: 'problem', status: 403, title: 'listening in is for operators' });
  await expect(page.getByText('listening in is for operators').first()).toBeVisible();
  await expect(page.locator('.side .connection')).toHaveText('Live');
});

test('a server that ends and comes back is waited for, and the page goes on by itself', async ({ page, complaints }) => {
  const bridge = await Bridge.start();
  try {
    await page.goto(`${bridge.url}/console/live`);
    const connection = page.locator('.side .connection');
    await expect(connection).toHaveText('Live');
    await page.evaluate(() => document.body.setAttribute('data-same-page', ''));

    await bridge.down();
    await expect(connection).toContainText('Reconnecting');
    await bridge.up();
    await expect(connection).toHaveText('Live', { timeout: 40_000 });

    bridge.call('patient.caller', ['--from', '+15005550777']);
    const row = page.getByRole('row', { name: /\+15005550777/ });
    await expect(row).toContainText('How can I help you?');
    await expect(page.locator('body')).toHaveAttribute('data-same-page');
    // The browser notes what it could not reach meanwhile.
    for (const complaint of complaints) expect(complaint).toMatch(/ERR_CONNECTION|ERR_EMPTY_RESPONSE/);
    complaints.length = 0;
  } finally {
    await bridge.stop();
  }
});

test('what callers, models and tools say is shown while it runs, and not run', async ({ page }) => {
  const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  const { tell } = await wire(page);
  await page.goto(`/console/calls/${SID}`);
  await expect(page.locator('.side .connection')).toHaveText('Live');
  const started = { event: 'tool_started', call: 'c1', name: `look_up ${hostile}` };
  const tool = { kind: 'tool', call: SID, id: 'c1', name: 'look_up', arguments: JSON.stringify({ asked: hostile }), output: `answered ${hostile}` };
  tell({ type: 'entries', cursor: '1.c', entries: [line(`Hello ${hostile}`, true), { kind: 'event', call: SID, fence: 1, number: 1, at: 1_000, event: started }, tool] });
  const transcript = page.getByRole('region', { name: 'Transcript' });
  for (const words of [`Hello ${hostile}`, `look_up ${hostile}`, `"asked": "${hostile}"`, `answered ${hostile}`]) {
    await expect(transcript).toContainText(words);
  }
  await expect(page.locator('img[src="x"], script:not([src])')).toHaveCount(0);
});
