/** Signing in by a provider of OpenID Connect: there and back, with a code that is worth nothing to anybody but this tab (PKCE). */
import { ApiError, signInBy, signOut } from '../api/client';
import type { Session, SignInBy } from '../api/types';

type Provider = NonNullable<SignInBy['provider']>;

/** What this tab needs to know when it comes back. */
interface Trip {
  state: string;
  nonce: string;
  verifier: string;
  back: string;
}

const TRIP = 'voicebridge.sign-in';
/** Somebody has signed out here: the provider is to ask who it is now, and not to go on as whom it knows. */
const LEFT = 'voicebridge.signed-out';
const RETURN = '/console/sign-in';

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function unguessable(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** RFC 7636, S256. */
export async function challenge(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}

function returnTo(): string {
  return `${window.location.origin}${RETURN}`;
}

/** Leads to the provider; this page is over then. */
export async function leaveFor(provider: Provider): Promise<void> {
  const { pathname, search } = window.location;
  const back = pathname === RETURN ? '/console/live' : `${pathname}${search}`;
  const trip: Trip = { state: unguessable(), nonce: unguessable(), verifier: unguessable(), back };
  const url = new URL(provider.authorization_endpoint);
  const asked = {
    response_type: 'code',
    client_id: provider.client_id,
    redirect_uri: returnTo(),
    scope: provider.scope,
    state: trip.state,
    nonce: trip.nonce,
    code_challenge: await challenge(trip.verifier),
    code_challenge_method: 'S256',
    ...(sessionStorage.getItem(LEFT) ? { prompt: 'login' } : {}),
  };
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  sessionStorage.setItem(TRIP, JSON.stringify(trip));
  window.location.assign(url);
}

/** For whoever signs out by hand. */
export function leave(): void {
  sessionStorage.setItem(LEFT, '1');
  signOut();
}

/** What the provider has sent along, taken out of the address: it is good once, and nobody else is to see it. */
function taken(): { said: URLSearchParams; trip: Trip | null } | null {
  if (window.location.pathname !== RETURN) return null;
  const said = new URLSearchParams(window.location.search);
  const kept = sessionStorage.getItem(TRIP);
  sessionStorage.removeItem(TRIP);
  const trip = kept ? (JSON.parse(kept) as Trip) : null;
  window.history.replaceState(null, '', trip?.back ?? '/console/live');
  return said.has('state') ? { said, trip } : null;
}

async function land(): Promise<Session | null> {
  const arrival = taken();
  if (!arrival) return null;
  const { said, trip } = arrival;
  if (!trip || said.get('state') !== trip.state) throw new ApiError(0, 'This sign-in was not begun in this tab. Try again.');
  const code = said.get('code');
  if (!code) throw new ApiError(0, `The provider says: ${said.get('error_description') ?? said.get('error') ?? 'no'}`);
  const sent = { code, code_verifier: trip.verifier, redirect_uri: returnTo(), nonce: trip.nonce };
  const session = await signInBy(sent);
  sessionStorage.removeItem(LEFT);
  return session;
}

let isLanded = false;
let trouble: string | null = null;

/** Once a page: whoever has come back from the provider is signed in, or there is a fault. */
export async function arrive(): Promise<Session | null> {
  if (isLanded) return null;
  isLanded = true;
  try {
    return await land();
  } catch (error) {
    trouble = error instanceof Error ? error.message : String(error);
    return null;
  }
}

/** Why whoever has come back is not signed in. */
export function troubleOnArrival(): string | null {
  return trouble;
}
