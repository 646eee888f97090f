/** A bridge with a past: agents, numbers, music, calls that are over and calls that run. For pictures, and for looking at every page. */
import { readFile, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Bridge } from './bridge';

const EXAMPLES = resolve(import.meta.dirname, '../../examples/agents');
const MUSIC = resolve(import.meta.dirname, '../../local/assets/music/arpeggio.mp3');
const YAML = { 'content-type': 'application/yaml' };

async function post(url: string, body: string | Buffer, headers: Record<string, string>): Promise<void> {
  const response = await fetch(url, { method: 'POST', body: typeof body === 'string' ? body : new Uint8Array(body), headers });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
}

export interface Past {
  over: string;
  live: string;
}

interface Listed {
  calls: { sid: string; from: string; status: { status: string } }[];
}

async function sidOf(bridge: Bridge, from: string): Promise<string> {
  for (;;) {
    const { calls } = await bridge.api<Listed>('GET', '/calls');
    const found = calls.find((call) => call.from === from && call.status.status !== 'ringing');
    if (found) return found.sid;
  }
}

export async function fill(bridge: Bridge): Promise<Past> {
  for (const name of await readdir(EXAMPLES)) {
    await post(`${bridge.url}/api/agents`, await readFile(join(EXAMPLES, name), 'utf8'), YAML);
  }
  const pharmacy = await bridge.api<Record<string, unknown>>('GET', '/api/agents/pharmacy');
  const better = { ...pharmacy, speed: 1.1, variables: { pharmacy: 'Corner Pharmacy', address: '14 Main Street, Springfield' } };
  await bridge.api('PUT', '/api/agents/pharmacy', better, { 'if-match': '*' });
  await bridge.api('PUT', '/api/numbers/+15005550007', { agent: 'restaurant' });
  await bridge.api('PUT', '/api/numbers/+4930901820', { agent: 'after-hours' });
  await post(`${bridge.url}/hold-music/files?title=Harbour%20lights`, await readFile(MUSIC), { 'content-type': 'audio/mpeg' });

  // The one that leaves a message, with the tools that the environment's agent has.
  await bridge.call('message.caller', ['--from', '+15005550142']).over;
  await bridge.call('brief.caller', ['--from', '+15005550177']).over;
  for (const number of [81, 82, 83]) bridge.call('talkative.caller', ['--from', `+150055501${number}`]);
  return { over: await sidOf(bridge, '+15005550142'), live: await sidOf(bridge, '+15005550181') };
}
