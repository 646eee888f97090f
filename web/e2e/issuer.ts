/** A provider of OpenID Connect of the test's own: a page that asks who one is, codes that are bound to a tab, and keys. */
import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Person {
  name: string;
  groups: string[];
}

interface Given {
  challenge: string;
  redirect: string;
  token: string;
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

export class Issuer {
  /** What pages came with. */
  readonly asked: URLSearchParams[] = [];
  /** What its tokens say beside the truth. */
  lies: Record<string, unknown> = {};
  private readonly codes = new Map<string, Given>();
  private readonly key: KeyObject;
  private readonly jwk: object;

  private constructor(
    private readonly server: Server,
    private readonly people: Person[],
  ) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.key = privateKey;
    this.jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' };
  }

  static async start(people: Person[]): Promise<Issuer> {
    const server = createServer();
    await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens));
    const issuer = new Issuer(server, people);
    server.on('request', (request, response) => void issuer.answer(request, response));
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    const json = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    switch (pathname) {
      case '/.well-known/openid-configuration': return json(200, this.description());
      case '/keys': return json(200, { keys: [this.jwk] });
      case '/authorize': return this.ask(searchParams, response);
      case '/chosen': return this.choose(searchParams, response);
      case '/token': {
        const token = this.redeem(new URLSearchParams(await text(request)));
        return token ? json(200, { id_token: token, token_type: 'Bearer' }) : json(400, { error: 'invalid_grant' });
      }
      default: return json(404, {});
    }
  }

  private description(): object {
    const at = (path: string) => `${this.url}${path}`;
    return { issuer: this.url, authorization_endpoint: at('/authorize'), token_endpoint: at('/token'), jwks_uri: at('/keys') };
  }

  private ask(asked: URLSearchParams, response: ServerResponse): void {
    this.asked.push(asked);
    const link = (name: string) => {
      const chosen = new URLSearchParams(asked);
      chosen.set('who', name);
      return `<p><a href="/chosen?${chosen.toString().replaceAll('&', '&amp;')}">${name}</a></p>`;
    };
    const page = `<!doctype html><title>Who are you?</title>${['nobody', ...this.people.map(({ name }) => name)].map(link).join('')}`;
    response.writeHead(200, { 'content-type': 'text/html' }).end(page);
  }

  private choose(asked: URLSearchParams, response: ServerResponse): void {
    const back = new URL(asked.get('redirect_uri') ?? '');
    back.searchParams.set('state', asked.get('state') ?? '');
    const person = this.people.find(({ name }) => name === asked.get('who'));
    if (person) {
      const code = randomUUID();
      const token = this.token(person, asked.get('nonce') ?? '');
      this.codes.set(code, { challenge: asked.get('code_challenge') ?? '', redirect: asked.get('redirect_uri') ?? '', token });
      back.searchParams.set('code', code);
    } else {
      back.searchParams.set('error', 'access_denied');
    }
    response.writeHead(302, { location: back.href }).end();
  }

  private token({ name, groups }: Person, nonce: string): string {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: this.url, aud: 'console', sub: name, iat: now, exp: now + 300, nonce, 'cognito:groups': groups, ...this.lies };
    const message = `${encode({ alg: 'RS256', kid: 'k1' })}.${encode(claims)}`;
    return `${message}.${sign('sha256', Buffer.from(message), this.key).toString('base64url')}`;
  }

  private redeem(form: URLSearchParams): string | null {
    const code = form.get('code') ?? '';
    const given = this.codes.get(code);
    this.codes.delete(code);
    const proof = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
    const isTheirs = form.get('client_id') === 'console' && form.get('grant_type') === 'authorization_code';
    return given && isTheirs && given.challenge === proof && given.redirect === form.get('redirect_uri') ? given.token : null;
  }
}

async function text(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
