/** Calls: seen while they run, hung up on, and heard afterwards. */
import { readFile } from 'node:fs/promises';
import { expect, test } from './bridge';

// What one has made the next one finds.
test.describe.configure({ mode: 'serial' });

test('a call is on the Live page while it runs, with its words, and an operator hangs up', async ({ bridge, page }) => {
  let heard = 0;
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => (heard += String(payload).split('"kind":"audio"').length - 1)));
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Nobody is on the phone' })).toBeVisible();
  const caller = bridge.call('patient.caller', ['--from', '+15005550111']);
  const row = page.getByRole('row', { name: /\+15005550111/ });
  await expect(row).toContainText('Live');
  await expect(row).toContainText('How can I help you?');
  await row.getByRole('link', { name: '+15005550111' }).click();
  await expect(page).toHaveURL(/\/console\/calls\/CA/);
  const transcript = page.getByRole('region', { name: 'Transcript' });
  await expect(transcript).toContainText('Thank you for calling Harbour Street Pharmacy and Kitchen.');

  await page.getByRole('button', { name: 'Hold' }).click();
  await expect(page.getByText('On hold', { exact: true }).first()).toBeVisible();
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect(page.getByRole('button', { name: 'Hold' })).toBeVisible();

  // Who whispers is heard by the agent alone; whoever has it say something is heard by the caller.
  await page.getByLabel('Whisper to the agent').fill('Be kind: she has been waiting.');
  await page.keyboard.press('Enter');
  const whispered = transcript.getByRole('listitem').filter({ hasText: 'Be kind: she has been waiting.' });
  await expect(whispered).toContainText('Operator');
  await expect(page.getByLabel('Whisper to the agent')).toHaveValue('');
  await page.getByRole('button', { name: 'Listen' }).click();
  await expect(page.getByRole('button', { name: 'Listening' })).toHaveAttribute('aria-pressed', 'true');
  await page.getByText('Say', { exact: true }).first().click();
  await page.getByLabel('Say to the caller').fill('One moment, I will check.');
  await page.getByRole('button', { name: 'Say' }).click();
  await expect(transcript.getByRole('listitem').filter({ hasText: 'One moment, I will check.' })).toContainText('Agent');
  await expect.poll(() => heard, 'whoever listens in hears it').toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Listening' }).click();
  await expect(page.getByRole('button', { name: 'Listen' })).toHaveAttribute('aria-pressed', 'false');

  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Edit instructions' }).click();
  const instructions = page.getByRole('dialog').getByLabel('Instructions');
  await instructions.fill('Say {{nothing_known}}.');
  await page.getByRole('button', { name: 'Change' }).click();
  await expect(page.getByRole('dialog')).toContainText('no variable is called "nothing_known"');
  await instructions.fill('Be very brief.');
  await page.getByRole('button', { name: 'Change' }).click();
  await expect(transcript).toContainText('Another agent answers');

  await page.getByRole('button', { name: 'Hang up' }).click();
  const question = page.getByRole('alertdialog');
  await expect(question).toContainText('Hang up on this caller?');
  await question.getByRole('button', { name: 'Hang up' }).click();
  await expect(page.getByText('Operator hung up', { exact: true })).toBeVisible();
  expect(await caller.over, caller.output()).not.toBeNull();
});

test('a call that is over is read, heard from a line on, and taken along', async ({ bridge, page }) => {
  const caller = bridge.call('prescription.caller', ['--from', '+15005550222']);
  await caller.over;
  await page.goto('/console/calls?number=0222');
  await page.getByRole('link', { name: '+15005550222' }).click();
  const transcript = page.getByRole('region', { name: 'Transcript' });
  await expect(transcript).toContainText('Is my prescription RX-1234 ready?');
  await expect(transcript).toContainText('lookup_prescription');
  await expect(transcript.getByText(/cut in after/)).toBeVisible();
  // Nobody's words are anything but words.
  await expect(transcript).toContainText('<img src=x onerror=alert(1)> <script>alert(2)</script>');
  await expect(transcript.locator('img, script')).toHaveCount(0);
  await expect(page.getByText('Call me. <script>alert(4)</script>')).toBeVisible();

  const audio = page.locator('audio');
  await expect(audio).toHaveCount(1, { timeout: 60_000 });
  const line = transcript.getByRole('listitem').filter({ hasText: 'Is my prescription' });
  const at = await line.getByRole('button').textContent();
  const [minutes = 0, seconds = 0] = (at ?? '').split(':').map(Number);
  await line.click();
  await expect.poll(() => audio.evaluate((element: HTMLAudioElement) => element.currentTime)).toBeGreaterThan(minutes * 60 + seconds);
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
  expect(await audio.evaluate((element: HTMLAudioElement) => element.duration)).toBeGreaterThan(10);
  await expect(line).toHaveAttribute('aria-current', 'true');

  await page.getByRole('tab', { name: 'Timeline' }).click();
  await expect(page.getByText('The caller cut in')).toBeVisible();
  await page.getByRole('tab', { name: 'Raw events' }).click();
  await expect(page.getByRole('region', { name: 'Raw events' })).toContainText('"event":"barge_in"');

  const files: Record<string, RegExp> = {
    Text: /Caller: Hello\. Is my prescription/,
    'WebVTT captions': /^WEBVTT\n\n1\n00:00:/,
    JSON: /"transcript": \[/,
    WAV: /^RIFF/,
  };
  for (const [name, content] of Object.entries(files)) {
    await page.getByRole('button', { name: 'Export' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name }).click()]);
    expect((await readFile(await download.path())).toString('latin1'), name).toMatch(content);
  }
});

test('words said earlier are found, and heard where they were said', async ({ bridge, page }) => {
  const found = async () => (await bridge.api<{ found: unknown[] }>('GET', '/api/search?q=prescription')).found.length;
  await expect.poll(found, { timeout: 30_000 }).toBeGreaterThan(0);
  await page.goto('/console/calls');
  const calls = page.getByRole('region', { name: 'Calls' });
  await expect(calls.getByRole('link', { name: '+15005550111' })).toBeVisible();
  await page.getByRole('searchbox', { name: 'Words' }).fill('ready PRESCRIPTION');
  await expect(calls.getByRole('link', { name: '+15005550111' })).toHaveCount(0);
  await expect(page).toHaveURL(/\?q=ready\+PRESCRIPTION$/);
  const line = calls.getByRole('link', { name: /Is my prescription RX-1234 ready/ });
  await expect(line.locator('mark')).toHaveText(['prescription', 'ready']);

  // One that nobody could have dialled, and back again.
  await page.getByRole('combobox', { name: 'Outcome' }).click();
  await page.getByRole('option', { name: 'Transferred' }).click();
  await expect(page.getByRole('heading', { name: 'No call matches' })).toBeVisible();
  await page.goBack();
  const at = Number(/at=(\d+)/.exec((await line.getAttribute('href')) ?? '')?.[1]);
  await line.click();

  await expect(page).toHaveURL(/\/calls\/CA[0-9a-f]+\?at=\d+&q=ready/);
  const transcript = page.getByRole('region', { name: 'Transcript' });
  const led = transcript.getByRole('listitem').filter({ hasText: 'Is my prescription' });
  await expect(led).toHaveAttribute('aria-current', 'true');
  await expect(led.locator('mark')).toHaveText(['prescription', 'ready']);
  const audio = page.locator('audio');
  await expect(audio).toHaveCount(1, { timeout: 60_000 });
  const state = () => audio.evaluate(({ currentTime, paused }: HTMLAudioElement) => ({ ms: Math.round(currentTime * 1_000), paused }));
  await expect.poll(state).toEqual({ ms: at, paused: true });
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await expect.poll(async () => (await state()).ms).toBeGreaterThan(at);
  await page.getByRole('link', { name: 'History' }).first().click();
  await page.goBack();
  await page.goBack();
  await expect(page.getByRole('searchbox', { name: 'Words' })).toHaveValue('ready PRESCRIPTION');
});

test('calls are found by number, outcome and day', async ({ page }) => {
  const rows = page.getByRole('region', { name: 'Calls' }).getByRole('link', { name: /^\+1500/ });
  await page.goto('/console/calls?number=%2B1+(500)+555-0111');
  await expect(rows).toHaveText(['+15005550111']);
  await page.goto('/console/calls?outcome=operator_hung_up&days=1');
  await expect(rows).toHaveText(['+15005550111']);
  await page.goto('/console/calls?days=7');
  await expect(rows.filter({ hasText: '0222' })).toBeVisible();
  await page.goto('/console/calls?to=2020-01-01');
  await expect(page.getByRole('heading', { name: 'No call matches' })).toBeVisible();
});

test('how calls have been going is drawn, pointed at, and read as a table', async ({ page }) => {
  await page.goto('/console/insights?days=1');
  const chart = page.getByRole('region', { name: 'Calls per hour' });
  const drawn = chart.getByRole('img');
  await expect(drawn).toHaveAttribute('aria-label', /^Calls per hour: \d+ in all, most of them/);
  await expect(drawn.locator('canvas')).toBeVisible();
  await drawn.focus();
  await page.keyboard.press('End');
  await expect(chart.getByRole('status')).toContainText(/Calls\d+/);
  await page.keyboard.press('Escape');
  await expect(chart.getByRole('status')).toHaveCount(0);
  await chart.getByRole('button', { name: 'Show a table' }).click();
  const counted = await chart.getByRole('row').last().getByRole('cell').last().textContent();
  expect(Number(counted)).toBeGreaterThan(1);
  await expect(page.getByRole('region', { name: 'Tools' }).getByRole('img')).toHaveAttribute('aria-label', /Tools: [1-9]/);
  await expect(page.getByRole('region', { name: 'Waiting for answers' }).getByRole('img')).toHaveAttribute('aria-label', /p50 .* p95/);

  await page.getByRole('link', { name: 'Operator hung up' }).click();
  await expect(page).toHaveURL(/\/calls\?outcome=operator_hung_up&days=1$/);
  await expect(page.getByRole('link', { name: '+15005550111' })).toBeVisible();
  await page.goBack();
  await page.getByRole('button', { name: '30 days' }).click();
  await expect(page.getByRole('region', { name: 'Calls per day' })).toBeVisible();
  await page.goto('/console/insights?from=2020-01-01&to=2020-01-07');
  await expect(page.getByRole('heading', { name: 'No calls in this time' })).toBeVisible();
});

test('what a caller left is among the messages, as text', async ({ page }) => {
  await page.goto('/console/messages');
  await expect(page.getByText('<b onmouseover=alert(3)>Eve</b>')).toBeVisible();
  await expect(page.getByText('Call me. <script>alert(4)</script>')).toBeVisible();
  await page.getByRole('link', { name: 'The call' }).first().click();
  await expect(page).toHaveURL(/\/console\/calls\/CA/);
});
