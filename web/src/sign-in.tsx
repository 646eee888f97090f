/** The page in front of all others, where a token is configured. */
import { type FormEvent, useState } from 'react';
import { signIn } from './api/client';
import type { Session } from './api/types';
import icon from './icon.svg';
import { useTitle } from './lib/title';
import { Button, Field } from './ui/controls';

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
