/** A bridge of the test's own, with the scripted model, and people who call it. Gone with the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { test as base, expect, type Page } from '@playwright/test';

const HERE = import.meta.dirname;
const PROGRAM = process.env['VOICEBRIDGE_BIN'] ?? resolve(HERE, '../../target/debug/voicebridge');
const DIST = resolve(HERE, '../dist');
const SCRIPTS = resolve(HERE, 'scripts');

const TOOLS = 'get_weather,lookup_prescription,lookup_menu,take_message,schedule_callback,hang_up';

const DAY_MS = 86_400_000;

export interface Caller {
  /** Its exit status, when the call is over. */
  over: Promise<number | null>;
  output: () => string;
}

export class Bridge {
  private readonly callers: ChildProcess[] = [];
  private server: ChildProcess | undefined;
  private readonly printed: string[] = [];
  private readonly readers = new Set<(line: string) => void>();
  url = '';

  private constructor(
    private readonly folder: string,
    private readonly model: string,
    private readonly env: Record<string, string>,
    private readonly more: string[],
  ) {}

  /** `more`: of the program's options. */
  static async start(env: Record<string, string> = {}, script = 'office.model', more: string[] = []): Promise<Bridge> {
    const folder = await mkdtemp(join(tmpdir(), 'voicebridge-e2e-'));
    const model = join(folder, script);
    const words = await readFile(join(SCRIPTS, script), 'utf8');
    await writeFile(model, words.replaceAll('TOMORROW', new Date(Date.now() + DAY_MS).toISOString()));
    const bridge = new Bridge(folder, model, env, more);
    bridge.url = await bridge.serve('0');
    return bridge;
  }

  private serve(port: string): Promise<string> {
    const args = ['serve', '--port', port, '--data', this.folder, '--env-file', join(this.folder, 'none')];
    args.push('--console', DIST, '--script', this.model, '--drain', '0', ...this.more);
    const settings = { PATH: process.env['PATH'] ?? '', AGENT_TOOLS: TOOLS, MEDIA_PATH: 'direct', ...this.env };
    const server = spawn(PROGRAM, args, { env: settings, stdio: ['ignore', 'pipe', 'pipe'] });
    this.server = server;
    this.printed.length = 0;
    let complaints = '';
    server.stderr.on('data', (data) => (complaints += String(data)));
    createInterface({ input: server.stdout }).on('line', (line) => {
      this.printed.push(line);
      for (const read of this.readers) read(line);
    });
    const ended = new Promise<never>((_, failed) => {
      server.on('error', failed);
      server.on('exit', (code) => failed(new Error(`the bridge ended with ${code}: ${complaints}`)));
    });
    // It ends once it has begun, too, and then nobody waits for this.
    ended.catch(() => undefined);
    return Promise.race([this.said(/^voicebridge is at (http\S+?),/), ended]);
  }

  /** What the program prints that is like this: its first group. */
  said(like: RegExp): Promise<string> {
    return new Promise((found) => {
      const read = (line: string): void => {
        const group = like.exec(line)?.[1];
        if (!group) return;
        this.readers.delete(read);
        found(group);
      };
      this.readers.add(read);
      this.printed.forEach(read);
    });
  }

  /** The server's process ends; what it has stored stays. */
  async down(): Promise<void> {
    const { server } = this;
    if (!server || server.exitCode !== null) return;
    const gone = new Promise((over) => server.on('exit', over));
    server.kill('SIGTERM');
    await gone;
  }

  /** Another process, at the same address. */
  async up(): Promise<void> {
    await this.serve(new URL(this.url).port);
  }

  /** Somebody who says what a file tells them. */
  call(script: string, args: string[] = []): Caller {
    const given = ['call', '--url', `${this.url}/twiml`, '--script', join(SCRIPTS, script), ...args];
    const caller = spawn(PROGRAM, given, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.callers.push(caller);
    let output = '';
    caller.stdout.on('data', (data) => (output += String(data)));
    caller.stderr.on('data', (data) => (output += String(data)));
    return { over: new Promise((over) => caller.on('exit', over)), output: () => output };
  }

  async api<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    const text = await response.text();
    return (text ? JSON.parse(text) : undefined) as T;
  }

  async stop(): Promise<void> {
    for (const caller of this.callers) caller.kill('SIGKILL');
    await this.down();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export interface World {
  bridge: Bridge;
  /** What the page complained about; a test that expects complaints empties it. */
  complaints: string[];
}

/** The browser notes what a server without the socket, or one that refuses something, has answered: the page shows it itself. */
const EXPECTED = [/WebSocket connection to .*\/logs/, /the server responded with a status of 4\d\d/];

function listen(page: Page, complaints: string[]): void {
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !EXPECTED.some((known) => known.test(message.text()))) complaints.push(message.text());
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
}

/** One bridge a file, without a token; pages open at it. A page that complains has failed. */
export const test = base.extend<{ complaints: string[] }, { bridge: Bridge }>({
  bridge: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads the parameters' names
    async ({}, use) => {
      const bridge = await Bridge.start();
      await use(bridge);
      await bridge.stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  baseURL: async ({ bridge }, use) => use(bridge.url),
  complaints: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      listen(page, complaints);
      await use(complaints);
      expect(complaints, 'what the page complained about').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
