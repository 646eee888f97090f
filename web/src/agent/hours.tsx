/** When somebody answers, and who else a caller may be put through to. */
import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import type { KeyAction, OpeningHours, TransferTarget } from '../api/types';
import { sentence } from '../lib/format';
import { Select, Switch } from '../ui/choices';
import { Button, Field, IconButton } from '../ui/controls';
import { WEEK } from './defaults';
import { ChoiceField, NumberInput, Section, SwitchField, TextArea, TextField, useField } from './form';
import { segment } from './pointer';

/** `09:00-12:30, 14:00-18:00` */
function spans(text: string): string[] {
  return text.split(',').map((span) => span.trim()).filter(Boolean);
}

function Spans({ pointer, label }: { pointer: string; label: string }) {
  const { own, faults, readOnly, change } = useField<string[]>(pointer, true);
  const [text, setText] = useState((own ?? []).join(', '));
  return (
    <Field label={label} faults={faults} className="spans">
      {(ids) => (
        <input
          {...ids}
          className="input mono"
          placeholder="closed"
          value={text}
          readOnly={readOnly}
          onChange={({ target }) => {
            setText(target.value);
            change(spans(target.value));
          }}
        />
      )}
    </Field>
  );
}

function Exceptions() {
  const { own, readOnly, change } = useField<Record<string, string[]>>('/hours/exceptions');
  const [day, setDay] = useState('');
  const days = Object.keys(own ?? {}).toSorted();
  return (
    <fieldset className="pairs">
      <legend className="label">Other days</legend>
      <p className="faint small">Holidays and the like; a day without hours is closed.</p>
      {days.map((date) => (
        <div key={date} className="row">
          <div className="grow">
            <Spans pointer={`/hours/exceptions/${segment(date)}`} label={date} />
          </div>
          {!readOnly && (
            <IconButton
              label={`Remove ${date}`}
              onClick={() => change(Object.fromEntries(Object.entries(own ?? {}).filter(([other]) => other !== date)))}
            >
              <X aria-hidden="true" />
            </IconButton>
          )}
        </div>
      ))}
      {!readOnly && (
        <div className="row">
          <input className="input date" type="date" aria-label="Another day" value={day} onChange={({ target }) => setDay(target.value)} />
          <Button
            size="small"
            disabled={!day || day in (own ?? {})}
            onClick={() => {
              change({ ...own, [day]: [] });
              setDay('');
            }}
          >
            <Plus aria-hidden="true" /> Add
          </Button>
        </div>
      )}
    </fieldset>
  );
}

const OFFICE: OpeningHours = { weekly: Object.fromEntries(WEEK.slice(0, 5).map((day) => [day, ['09:00-17:00']])) };

export function Hours() {
  const { own, readOnly, change } = useField<OpeningHours>('/hours');
  return (
    <Section title="Opening hours" hint="In the agent’s time zone. Outside them the caller hears a sentence, and the call ends.">
      <Switch label="Always open" checked={!own} disabled={readOnly} onChange={(always) => change(always ? undefined : OFFICE)} />
      {own && (
        <>
          <div className="week">
            {WEEK.map((day) => (
              <Spans key={day} pointer={`/hours/weekly/${day}`} label={sentence(day)} />
            ))}
          </div>
          <p className="faint small">As in 09:00-12:30, 14:00-18:00. A night is two spans: 20:00-24:00, and 00:00-06:00 on the next day.</p>
          <Exceptions />
          <TextArea pointer="/hours/closed" label="Said when closed" />
        </>
      )}
    </Section>
  );
}

function Target({ at, remove }: { at: number; remove: () => void }) {
  const pointer = `/transfer_targets/${at}`;
  const { own, readOnly } = useField<TransferTarget>(pointer);
  return (
    <li className="card">
      <div className="columns">
        <TextField pointer={`${pointer}/name`} label="Name" hint="By which the agent knows them." />
        <TextField pointer={`${pointer}/to`} label="Number or SIP address" />
        <ChoiceField
          pointer={`${pointer}/kind`}
          label="How"
          read={(kind) => String(kind ?? 'cold')}
          choices={[
            { value: 'cold', label: 'Cold: it rings' },
            { value: 'warm', label: 'Warm: they are asked first' },
          ]}
        />
        <NumberInput pointer={`${pointer}/ring`} label="Rings for" unit="s" scale={1_000} hint="25 s if empty" />
      </div>
      <TextArea pointer={`${pointer}/say`} label="Said to the caller before" optional rows={2} placeholder="The agent finds its own words" />
      {!readOnly && (
        <div>
          <Button size="small" kind="danger" onClick={remove}>
            <X aria-hidden="true" /> Remove {own?.name || 'this'}
          </Button>
        </div>
      )}
    </li>
  );
}

function Targets() {
  const { own, faults, readOnly, change } = useField<TransferTarget[]>('/transfer_targets');
  const targets = own ?? [];
  return (
    <Section
      title="Transfers"
      hint="Whom callers may be put through to. The model needs the tool transfer for it, an operator and a key do not."
    >
      {faults.map((fault) => (
        <p key={fault} className="fault">
          {fault}
        </p>
      ))}
      <ul className="stack">
        {targets.map((_, at) => (
          // oxlint-disable-next-line react/no-array-index-key -- a target is its place in the list
          <Target key={at} at={at} remove={() => change(targets.length > 1 ? targets.filter((_, other) => other !== at) : undefined)} />
        ))}
      </ul>
      {!readOnly && (
        <div>
          <Button size="small" onClick={() => change([...targets, { name: '', to: '' }])}>
            <Plus aria-hidden="true" /> Add somebody
          </Button>
        </div>
      )}
      <SwitchField
        pointer="/transfer_to_any_number"
        label="And to any number"
        hint="Whoever talks the model into it calls at your expense."
      />
    </Section>
  );
}

const ACTIONS = [
  { value: 'transfer', label: 'Put through to' },
  { value: 'say', label: 'Tell the agent what to say' },
  { value: 'repeat', label: 'Repeat the last words' },
  { value: 'hold', label: 'Hold' },
  { value: 'hang_up', label: 'Hang up' },
];

function blank(action: string): KeyAction {
  if (action === 'say') return { do: 'say', instructions: '' };
  if (action === 'transfer') return { do: 'transfer', to: '' };
  return { do: action as 'hold' | 'repeat' | 'hang_up' };
}

function Key({ digits, action, change }: { digits: string; action: KeyAction; change: (action: KeyAction | undefined) => void }) {
  const { faults, readOnly } = useField<KeyAction>(`/keypad/actions/${segment(digits)}`, true);
  return (
    <li className="stack tight">
      <div className="key">
        <kbd>{digits}</kbd>
        <Select label={`What ${digits} does`} value={action.do} choices={ACTIONS} disabled={readOnly} onChange={(value) => change(blank(value))} />
        {action.do === 'transfer' && (
          <input
            className="input"
            aria-label={`To whom ${digits} leads`}
            placeholder="a transfer target’s name"
            value={action.to}
            readOnly={readOnly}
            onChange={({ target }) => change({ ...action, to: target.value })}
          />
        )}
        {action.do === 'say' && (
          <input
            className="input"
            aria-label={`What is said at ${digits}`}
            placeholder="Tell the opening hours: nine to five."
            value={action.instructions}
            readOnly={readOnly}
            onChange={({ target }) => change({ ...action, instructions: target.value })}
          />
        )}
        {!readOnly && (
          <IconButton label={`Remove ${digits}`} onClick={() => change(undefined)}>
            <X aria-hidden="true" />
          </IconButton>
        )}
      </div>
      {faults.map((fault) => (
        <p key={fault} className="fault">
          {fault}
        </p>
      ))}
    </li>
  );
}

function Keys() {
  const { own, readOnly, change } = useField<Record<string, KeyAction>>('/keypad/actions');
  const [digits, setDigits] = useState('');
  const actions = own ?? {};
  const put = (key: string, action: KeyAction | undefined) => {
    const { [key]: _, ...others } = actions;
    const next = action ? { ...actions, [key]: action } : others;
    change(Object.keys(next).length > 0 ? next : undefined);
  };
  return (
    <Section title="Keys" hint="What callers dial during the call. What is not here is told to the model.">
      <ul className="stack tight">
        {Object.entries(actions).map(([key, action]) => (
          <Key key={key} digits={key} action={action} change={(changed) => put(key, changed)} />
        ))}
      </ul>
      {!readOnly && (
        <div className="row">
          <input
            className="input date mono"
            aria-label="Keys"
            placeholder="0–9 * #"
            value={digits}
            onChange={({ target }) => setDigits(target.value)}
          />
          <Button
            size="small"
            disabled={!digits || digits in actions}
            onClick={() => {
              put(digits, blank('repeat'));
              setDigits('');
            }}
          >
            <Plus aria-hidden="true" /> Add
          </Button>
        </div>
      )}
      <div className="columns">
        <NumberInput pointer="/keypad/timeout" label="Digits belong together within" unit="s" scale={1_000} />
        <NumberInput pointer="/keypad/num_digits" label="Longest string" unit="digits" />
        <ChoiceField
          pointer="/keypad/finish_on_key"
          label="Ended by"
          choices={['#', '*', 'none'].map((value) => ({ value, label: value === 'none' ? 'No key' : value }))}
          read={(value) => (value === null ? 'none' : String(value))}
          write={(value) => (value === 'none' ? null : value)}
        />
      </div>
      <SwitchField pointer="/keypad/at_once" label="Act at once" hint="Without waiting for more digits; a longer number that begins so cannot be dialled." />
    </Section>
  );
}

export function Routing() {
  return (
    <>
      <Hours />
      <Targets />
      <Keys />
    </>
  );
}
