/** Calls: seen while they run, hung up on, and heard afterwards. */
import { readFile } from 'node:fs/promises';
import { expect, test } from './bridge';

// What one has made the next one finds.
test.describe.configure({ mode: 'serial' });

test('a call is on the Live page while it runs, with its words, and an operator hangs up', async ({ bridge, page }) => {
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
  await page.getByText('Say', { exact: true }).first().click();
  await page.getByLabel('Say to the caller').fill('One moment, I will check.');
  await page.getByRole('button', { name: 'Say' }).click();
  await expect(transcript.getByRole('listitem').filter({ hasText: 'One moment, I will check.' })).toContainText('Agent');

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
  await page.goto('/console/calls?q=0222');
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

test('what a caller left is among the messages, as text', async ({ page }) => {
  await page.goto('/console/messages');
  await expect(page.getByText('<b onmouseover=alert(3)>Eve</b>')).toBeVisible();
  await expect(page.getByText('Call me. <script>alert(4)</script>')).toBeVisible();
  await page.getByRole('link', { name: 'The call' }).first().click();
  await expect(page).toHaveURL(/\/console\/calls\/CA/);
});
