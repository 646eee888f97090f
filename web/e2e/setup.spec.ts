/** Whether calls can come: the checklist, and numbers that are brought here and put back. */
import { Bridge, expect, test } from './bridge';

const KEY = `Basic ${Buffer.from('SK00000000000000000000000000000000:voicebridge-on-a-laptop').toString('base64')}`;
const ACCOUNT = '2010-04-01/Accounts/AC00000000000000000000000000000000';

interface Resource {
  sid: string;
  phone_number: string;
  voice_url: string;
  status_callback: string;
}

/** What somebody sees, and does, in Twilio's own console. */
class Twilio {
  constructor(private readonly url: string) {}

  private async ask<T>(path: string, form?: Record<string, string>): Promise<T> {
    const headers: Record<string, string> = { authorization: KEY };
    const init: RequestInit = form ? { method: 'POST', headers, body: new URLSearchParams(form) } : { headers };
    const response = await fetch(`${this.url}/${ACCOUNT}/${path}`, init);
    expect(response.status).toBe(200);
    return (await response.json()) as T;
  }

  async number(number: string): Promise<Resource> {
    const { incoming_phone_numbers: all } = await this.ask<{ incoming_phone_numbers: Resource[] }>('IncomingPhoneNumbers.json');
    const found = all.find(({ phone_number }) => phone_number === number);
    if (!found) throw new Error(`${number} is no number`);
    return found;
  }

  async set(number: string, form: Record<string, string>): Promise<void> {
    const { sid } = await this.number(number);
    await this.ask(`IncomingPhoneNumbers/${sid}.json`, form);
  }
}

test.describe('with an account', () => {
  let ours: Bridge;
  let twilio: Twilio;
  test.beforeAll(async () => {
    ours = await Bridge.start({}, 'office.model', ['--numbers']);
    twilio = new Twilio(await ours.said(/^\s*Its numbers are at (\S+?),/));
  });
  test.afterAll(() => ours.stop());

  test('a number is pointed here, and put back', async ({ page }) => {
    await page.goto(`${ours.url}/console/setup`);
    await expect(page.getByText('no number of the account points here')).toBeVisible();
    await page.getByRole('link', { name: 'Point one here, or see where they lead' }).click();
    const row = page.getByRole('row', { name: /\+15005550006/ });
    await expect(row.getByText('Leads elsewhere')).toBeVisible();
    await expect(page.getByRole('row', { name: /\+15005550008/ }).getByText(/Take the app away/)).toBeVisible();
    await row.getByRole('button', { name: 'Point here' }).click();
    const dialog = page.getByRole('alertdialog');
    await expect(dialog.getByText('POST https://demo.twilio.com/welcome/voice/')).toBeVisible();
    await expect(dialog.getByText(`POST ${ours.url}/twiml`)).toBeVisible();
    await dialog.getByRole('button', { name: 'Point here' }).click();
    await expect(row.getByText('Leads here')).toBeVisible();
    expect(await twilio.number('+15005550006')).toMatchObject({ voice_url: `${ours.url}/twiml`, status_callback: `${ours.url}/call/status` });
    await row.getByRole('button', { name: 'Undo' }).click();
    await dialog.getByRole('button', { name: 'Put back' }).click();
    await expect(row.getByText('Leads elsewhere')).toBeVisible();
    expect(await twilio.number('+15005550006')).toMatchObject({ voice_url: 'https://demo.twilio.com/welcome/voice/', status_callback: '' });
    await expect(row.getByRole('button', { name: 'Undo' })).toHaveCount(0);
  });

  test('what somebody else has changed since is not put back', async ({ page }) => {
    await page.goto(`${ours.url}/console/numbers`);
    const row = page.getByRole('row', { name: /\+15005550007/ });
    const dialog = page.getByRole('alertdialog');
    await row.getByRole('button', { name: 'Point here' }).click();
    await dialog.getByRole('button', { name: 'Point here' }).click();
    await expect(row.getByText('Leads here')).toBeVisible();
    await twilio.set('+15005550007', { VoiceUrl: 'https://third.example.com/voice' });
    await row.getByRole('button', { name: 'Undo' }).click();
    await dialog.getByRole('button', { name: 'Put back' }).click();
    await expect(page.getByRole('region', { name: 'Notifications' }).getByText(/somebody has changed this number since/)).toBeVisible();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await expect(row.getByText(/somebody has changed it since/)).toBeVisible();
    await expect(row.getByRole('button', { name: 'Undo' })).toBeDisabled();
    expect((await twilio.number('+15005550007')).voice_url).toBe('https://third.example.com/voice');
  });

  test('an agent’s model that cannot be had is named with its mend', async ({ page }) => {
    await ours.api('POST', '/api/agents', { id: 'night', name: 'Night desk', model: 'no-such-model' });
    // What was seen a moment ago is shown for a while.
    await expect(async () => {
      await page.goto(`${ours.url}/console/setup`);
      await expect(page.getByText('there is no no-such-model for this key (Night desk)')).toBeVisible({ timeout: 1_000 });
    }).toPass({ timeout: 30_000 });
    await expect(page.getByText(/correct the model's name on the page Agents/)).toBeVisible();
  });
});

test('without an account it is said so, and how to go on', async ({ page }) => {
  await page.goto('/console/numbers');
  await expect(page.getByRole('heading', { name: 'No Twilio account is configured' })).toBeVisible();
  await expect(page.getByText(/voicebridge call --url/)).toBeVisible();
  await page.goto('/console/setup');
  await expect(page.getByText('no Twilio account is configured')).toBeVisible();
  await expect(page.getByText(/simulated callers need no account/)).toBeVisible();
  await expect(page.getByText(/is there for this key/)).toBeVisible();
});
