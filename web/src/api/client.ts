/** One way to ask the API: the session's token, problem documents as errors, and what happens when nobody is signed in. */
import type { Fault, Problem, Session } from './types';

const TOKEN = 'voicebridge.token';

export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    detail: string,
    readonly faults: Fault[] = [],
  ) {
    super(detail);
  }
}

type Listener = () => void;
const whenSignedOut = new Set<Listener>();

/** Told when an answer says that the session is over. */
export function onSignedOut(listener: Listener): () => void {
  whenSignedOut.add(listener);
  return () => whenSignedOut.delete(listener);
}

export function token(): string | null {
  return sessionStorage.getItem(TOKEN);
}

export function signOut(): void {
  sessionStorage.removeItem(TOKEN);
  for (const listener of whenSignedOut) listener();
}

export interface Ask {
  method?: string;
  json?: unknown;
  body?: BodyInit;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  redirect?: RequestRedirect;
}

function headersOf(ask: Ask): Headers {
  const headers = new Headers(ask.headers);
  const held = token();
  if (held) headers.set('authorization', `Bearer ${held}`);
  if (ask.json !== undefined) headers.set('content-type', 'application/json');
  return headers;
}

/** The answer as it comes; a problem document becomes an `ApiError`. */
export async function ask(path: string, ask: Ask = {}): Promise<Response> {
  const { method = 'GET', json, signal, redirect } = ask;
  const body = json === undefined ? ask.body : JSON.stringify(json);
  const init: RequestInit = { method, headers: headersOf(ask), cache: 'no-store', credentials: 'omit' };
  if (body !== undefined) init.body = body;
  if (signal) init.signal = signal;
  if (redirect) init.redirect = redirect;
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'The server does not answer.');
  }
  if (response.ok || response.type === 'opaqueredirect') return response;
  const error = await problem(response);
  // Whether signing in helps is asked of the session itself, not guessed from any refusal.
  if (response.status === 401 && path !== '/api/session') signOut();
  throw error;
}

export async function problem(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { detail, title, errors } = JSON.parse(text) as Partial<Problem>;
    return new ApiError(response.status, detail ?? title ?? `The server says ${response.status}.`, errors ?? []);
  } catch {
    return new ApiError(response.status, `The server says ${response.status}.`);
  }
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await ask(path, signal ? { signal } : {});
  return (await response.json()) as T;
}

export async function send<T>(method: string, path: string, json?: unknown, headers?: Record<string, string>): Promise<T> {
  const response = await ask(path, { method, ...(json === undefined ? {} : { json }), ...(headers ? { headers } : {}) });
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

interface NewSession extends Session {
  /** None where nobody has to sign in. */
  token?: string;
}

async function begin(init: RequestInit): Promise<Session> {
  const response = await fetch('/api/session', { method: 'POST', cache: 'no-store', ...init });
  if (!response.ok) throw await problem(response);
  const session = (await response.json()) as NewSession;
  if (session.token) sessionStorage.setItem(TOKEN, session.token);
  return session;
}

/** What a person types, a key or a pass, is exchanged for a session. */
export function signIn(secret: string): Promise<Session> {
  return begin({ headers: { authorization: `Bearer ${secret}` } });
}

/** What a provider gave, as well. */
export function signInBy(given: Record<string, string>): Promise<Session> {
  return begin({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(given) });
}

/** A session that is used goes on, as long as the server lets it. */
export async function renew(): Promise<Session | null> {
  const held = token();
  return held ? signIn(held) : null;
}

/** `null`: somebody has to sign in first. */
export async function session(): Promise<Session | null> {
  try {
    return await get<Session>('/api/session');
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      sessionStorage.removeItem(TOKEN);
      return null;
    }
    throw error;
  }
}
