/** Hold music: uploaded, heard, chosen, deleted. */
import { expect, test } from './bridge';

// What one has made the next one finds.
test.describe.configure({ mode: 'serial' });

/** A second and a half of a tone, in 16 bits. */
function tone(seconds: number, rate = 8_000): Buffer {
  const samples = Math.round(seconds * rate);
  const file = Buffer.alloc(44 + samples * 2);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + samples * 2, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(rate * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(samples * 2, 40);
  for (let at = 0; at < samples; at++) file.writeInt16LE(Math.round(8_000 * Math.sin((at / rate) * 440 * 2 * Math.PI)), 44 + at * 2);
  return file;
}

const TITLE = '<img src=x onerror=alert(5)>';

test('a file is uploaded under its name, whatever its name is, and played', async ({ page }) => {
  await page.goto('/console/hold-music');
  await page.getByLabel('Audio files').setInputFiles({ name: `${TITLE}.wav`, mimeType: 'audio/wav', buffer: tone(2) });
  const row = page.getByRole('row').filter({ hasText: TITLE });
  await expect(row).toBeVisible({ timeout: 30_000 });
  await expect(page.locator('td img')).toHaveCount(0);
  await row.getByRole('button', { name: `Listen to ${TITLE}` }).click();
  await expect(row.getByRole('button', { name: `Stop ${TITLE}` })).toBeVisible();
});

test('a large file goes by way of the store', async ({ page }) => {
  await page.goto('/console/hold-music');
  await page.getByLabel('Audio files').setInputFiles({ name: 'large.wav', mimeType: 'audio/wav', buffer: tone(60, 48_000) });
  await expect(page.getByRole('row', { name: /large/ }).first()).toContainText('1:00', { timeout: 60_000 });
});

test('what is no music is refused, with the reason', async ({ page }) => {
  await page.goto('/console/hold-music');
  await page.getByLabel('Audio files').setInputFiles({ name: 'letter.mp3', mimeType: 'audio/mpeg', buffer: Buffer.from('Dear caller,') });
  const uploads = page.getByRole('list', { name: 'Uploads' });
  await expect(uploads.getByRole('alert')).toBeVisible();
  await uploads.getByRole('button', { name: 'Close' }).click();
  await expect(uploads).toHaveCount(0);
});

test('an agent is told what to play, and a piece is deleted', async ({ bridge, page }) => {
  await bridge.api('POST', '/api/agents', { id: 'musical', name: 'Musical' });
  await page.goto('/console/hold-music');
  const choice = page.getByRole('combobox', { name: 'Hold music of Musical' });
  await choice.click();
  await page.getByRole('option', { name: TITLE }).click();
  await expect(choice).toContainText(TITLE);
  const agent = await bridge.api<{ hold_music: string; version: number }>('GET', '/api/agents/musical');
  expect(agent.version).toBe(2);
  expect(agent.hold_music).toMatch(/^[0-9a-f]{24}$/);
  await page.getByRole('button', { name: `Delete ${TITLE}` }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
  await expect(choice).toContainText('Deleted: built-in piece');
});
