/** An operator's words: to the agent alone, or by its mouth to the caller. */
import { Ear, Megaphone } from 'lucide-react';
import { type FormEvent, type KeyboardEvent, useRef, useState } from 'react';
import { send } from '../api/client';
import type { Call } from '../api/types';
import { live } from '../live/use';
import { Button } from '../ui/controls';
import { tell, tellTrouble } from '../ui/feedback';

const LONGEST = 600;

const WAYS = {
  whisper: { label: 'Whisper', icon: Ear, hint: 'Only the agent is told; the caller hears nothing of it', done: 'The agent is told' },
  say: { label: 'Say', icon: Megaphone, hint: 'The agent says it word for word', done: 'The agent will say it' },
} as const;

type Way = keyof typeof WAYS;

export function Composer({ call }: { call: Call }) {
  const [way, setWay] = useState<Way>('whisper');
  const [text, setText] = useState('');
  const [isBusy, setBusy] = useState(false);
  const input = useRef<HTMLTextAreaElement>(null);
  const { hint, label, done, icon: Icon } = WAYS[way];
  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    if (!text.trim() || isBusy) return;
    setBusy(true);
    try {
      await send('POST', `/api/calls/${call.sid}/${way}`, { text });
      setText('');
      tell(done);
      live.refresh(call.sid);
    } catch (error) {
      tellTrouble('That did not work', error);
    } finally {
      setBusy(false);
      input.current?.focus();
    }
  };
  const pressed = (event: KeyboardEvent) => {
    // While letters are being composed (Japanese, say), Enter takes them and sends nothing.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void submit();
  };
  return (
    <form className="composer" onSubmit={(event) => void submit(event)}>
      <fieldset className="segments">
        <legend className="hidden-text">Who is to hear it</legend>
        {(Object.keys(WAYS) as Way[]).map((one) => {
          const { icon: Own, label: name } = WAYS[one];
          return (
            <label key={one} className="segment" title={WAYS[one].hint}>
              <input type="radio" name="way" className="hidden-text" checked={way === one} onChange={() => setWay(one)} />
              <Own aria-hidden="true" /> {name}
            </label>
          );
        })}
      </fieldset>
      <textarea
        ref={input}
        className="input"
        rows={1}
        maxLength={LONGEST}
        aria-label={way === 'whisper' ? 'Whisper to the agent' : 'Say to the caller'}
        placeholder={hint}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={pressed}
      />
      <Button type="submit" kind="primary" busy={isBusy} disabled={!text.trim()}>
        <Icon aria-hidden="true" /> {label}
      </Button>
    </form>
  );
}
