/** Agents: what is changed here is heard in the next call. */
import { readFile } from 'node:fs/promises';
import { expect, test } from './bridge';

// What one has made the next one finds.
test.describe.configure({ mode: 'serial' });
// Other files' calls are answered by the agent of the environment.
test.afterAll(({ bridge }) => bridge.api('DELETE', '/api/agents/default', undefined, { 'if-match': '*' }));

const NAME = '<script>alert("agent")</script> & Sons';

test('an agent is made, mended, saved, and speaks otherwise in the next call', async ({ bridge, page }) => {
  await page.goto('/console/agents');
  await page.getByRole('button', { name: 'New agent' }).click();
  await page.getByLabel('Name').fill(NAME);
  await page.getByLabel('Id').fill('default');
  await page.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(NAME);

  await page.getByRole('combobox', { name: 'Greeting' }).click();
  await page.getByRole('option', { name: 'The agent opens with these words' }).click();
  await page.getByLabel('Its words').fill('Welcome to the {{house}}, how may I help?');
  // What is wrong is said at its place, while it is typed.
  await expect(page.getByText(/no variable is called "house"/).first()).toBeVisible();
  await page.getByRole('group', { name: 'Variables of its own' }).getByRole('button', { name: 'Add' }).click();
  await page.getByLabel('Name of Variables of its own').fill('house');
  await page.getByLabel('Value of house').fill('Blue Door');
  await expect(page.getByText(/no variable is called/)).toHaveCount(0);

  await page.getByRole('tab', { name: 'Tools' }).click();
  await page.getByRole('checkbox', { name: 'take_message' }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Version 2', { exact: true })).toBeVisible();

  await bridge.call('brief.caller', ['--from', '+15005550333']).over;
  await page.goto('/console/calls?number=0333');
  await page.getByRole('link', { name: '+15005550333' }).click();
  await expect(page.getByRole('region', { name: 'Transcript' })).toContainText('Welcome to the Blue Door');
  await expect(page.getByRole('link', { name: `${NAME} v2` })).toBeVisible();
});

test('versions are compared and restored, and an agent travels as YAML', async ({ page }) => {
  await page.goto('/console/agents/default?tab=versions');
  const changes = page.getByRole('region', { name: 'Changes from version 1 to version 2' });
  await expect(changes.getByText('Blue Door')).toBeVisible();
  await page.getByRole('button', { name: 'Restore version 1' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Restore' }).click();
  await expect(page.getByText('Version 3', { exact: true }).first()).toBeVisible();

  await page.getByRole('tab', { name: 'YAML' }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
  const yaml = (await readFile(await download.path())).toString();
  await page.goto('/console/agents');
  await page.getByRole('button', { name: 'Import' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('The agent’s document').fill(yaml.replace('id: default', 'id: copy').replace(/voice: \S+/, 'voice: nobody'));
  await dialog.getByRole('button', { name: 'Import' }).click();
  await expect(dialog.getByText(/this backend has no such voice/)).toBeVisible();
  await dialog.getByLabel('The agent’s document').fill(yaml.replace('id: default', 'id: copy'));
  await dialog.getByRole('button', { name: 'Import' }).click();
  await expect(page).toHaveURL(/\/console\/agents\/copy/);
});

test('a tool of one’s own is defined, tried and kept', async ({ bridge, page }) => {
  const fields = { id: 'tools', name: 'Tools' };
  await bridge.api('POST', '/api/agents', fields);
  await page.goto('/console/agents/tools?tab=tools');
  await page.getByRole('button', { name: 'Add a tool' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('find order');
  await dialog.getByLabel('Description').fill('An order of ours by its number.');
  await dialog.getByLabel('Address').fill('http://127.0.0.1:9/orders');
  await dialog.getByRole('button', { name: 'Try it' }).click();
  await expect(dialog.getByText(/must be 1 to 64 letters/)).toBeVisible();
  await dialog.getByLabel('Name', { exact: true }).fill('find_order');
  await dialog.getByLabel('Address').fill('https://orders.invalid/all');
  await dialog.getByRole('button', { name: 'Try it' }).click();
  await expect(dialog.getByText('unavailable', { exact: true })).toBeVisible();
  await dialog.getByRole('button', { name: 'Add', exact: true }).last().click();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Version 2', { exact: true })).toBeVisible();
  await expect(page.getByText('GET https://orders.invalid/all')).toBeVisible();
});

test('who was slower is told, and loses nothing by it', async ({ bridge, page }) => {
  await bridge.api('POST', '/api/agents', { id: 'shared', name: 'Shared' });
  await page.goto('/console/agents/shared');
  await page.getByLabel('Name', { exact: true }).fill('Mine');
  await bridge.api('PUT', '/api/agents/shared', { name: 'Theirs' }, { 'if-match': '*' });
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Somebody else has saved another version meanwhile.')).toBeVisible();
  await page.getByRole('button', { name: 'Show theirs' }).click();
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Theirs');
});

test('a number is given to an agent, and taken back', async ({ page }) => {
  await page.goto('/console/numbers');
  await page.getByLabel('Number', { exact: true }).fill('+1 500 555 0001');
  await page.getByRole('button', { name: 'Assign' }).click();
  const row = page.getByRole('row', { name: /\+15005550001/ });
  await expect(row).toBeVisible();
  await row.getByRole('combobox').click();
  await page.getByRole('option', { name: 'Theirs' }).click();
  await expect(row.getByRole('combobox')).toContainText('Theirs');
  await row.getByRole('button', { name: 'Release +15005550001' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Release' }).click();
  await expect(row).toHaveCount(0);
});

test('an agent begins as one of the examples, under a name of its own', async ({ bridge, page }) => {
  await page.goto('/console/agents');
  await page.getByRole('button', { name: 'New agent' }).click();
  await page.getByLabel('Name').fill('Our "Corner" Pharmacy');
  await page.getByRole('combobox', { name: 'Begin with' }).click();
  await page.getByRole('option', { name: 'Pharmacy' }).click();
  await page.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Our "Corner" Pharmacy');
  await expect(page.getByLabel('Instructions')).toContainText('prescription');
  await bridge.api('DELETE', '/api/agents/our-corner-pharmacy', undefined, { 'if-match': '*' });
});
