/** The page in front of all others, where a token is configured. */
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { get, signIn } from './api/client';
import type { Session, SignInBy } from './api/types';
import icon from './icon.svg';
import { leaveFor, troubleOnArrival } from './lib/provider';
import { useTitle } from './lib/title';
import { Button, Fault, Field } from './ui/controls';

/** For whom a provider knows; nothing, where there is none. */
function ByProvider() {
  const by = useQuery({ queryKey: ['session', 'by'], queryFn: ({ signal }) => get<SignInBy>('/api/sign-in', signal), staleTime: Infinity });
  const [isLeaving, setLeaving] = useState(false);
  const trouble = troubleOnArrival();
  const { provider, is_down } = by.data ?? {};
  if (!provider) return is_down ? <Fault>The provider that you sign in with does not answer. A token works.</Fault> : null;
  const leave = () => {
    setLeaving(true);
    leaveFor(provider).catch(() => setLeaving(false));
  };
  return (
    <>
      {trouble && <Fault>{trouble}</Fault>}
      <Button kind="primary" busy={isLeaving} onClick={leave}>
        Sign in with {new URL(provider.authorization_endpoint).host}
      </Button>
      <p className="or">or</p>
    </>
  );
}

export function SignIn({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
  const [secret, setSecret] = useState('');
  const [fault, setFault] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  useTitle('Sign in');
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(null);
    try {
      onSignedIn(await signIn(secret.trim()));
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="sign-in">
      <form className="panel" onSubmit={(event) => void submit(event)}>
        <span className="brand">
          <img src={icon} alt="" /> voicebridge
        </span>
        <h1>Sign in</h1>
        <ByProvider />
        <Field label="Token" faults={fault ? [fault] : []} hint="The bridge’s CONSOLE_TOKEN, or a pass that you were given.">
          {(ids) => (
            <input
              {...ids}
              className="input"
              type="password"
              autoComplete="current-password"
              required
              value={secret}
              onChange={({ target }) => setSecret(target.value)}
            />
          )}
        </Field>
        <Button type="submit" kind="primary" busy={isBusy}>
          Sign in
        </Button>
      </form>
    </main>
  );
}
