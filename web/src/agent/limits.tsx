/** What callers hear who have to wait, what is kept of a call, and what a call may take. */
import { useQuery } from '@tanstack/react-query';
import { get } from '../api/client';
import type { MusicFile } from '../api/types';
import { Link } from '../lib/router';
import { RETENTION_DAYS } from './defaults';
import { ChoiceField, NumberInput, Section, SwitchField, TextArea, useField } from './form';

export function Waiting() {
  const files = useQuery({ queryKey: ['music', 'files'], queryFn: ({ signal }) => get<{ files: MusicFile[] }>('/hold-music/files', signal) });
  return (
    <>
      <Section title="While a tool works">
        <ChoiceField
          pointer="/hold_music"
          label="Hold music"
          hint={<Link to="/hold-music">Listen, and upload others</Link>}
          choices={[
            { value: 'built-in', label: 'Built-in piece' },
            { value: 'none', label: 'Silence' },
            ...(files.data?.files ?? []).map(({ id, title }) => ({ value: id, label: title })),
          ]}
        />
        <div className="columns">
          <NumberInput pointer="/limits/hold_after" label="Starts after" unit="s" scale={1_000} hint="Of dead air." />
          <NumberInput pointer="/limits/longest_hold" label="Longest hold" unit="s" scale={1_000} />
        </div>
      </Section>
      <Section title="When all lines are busy" hint="Said by Twilio, in the agent’s language.">
        <NumberInput pointer="/overflow/wait" label="Kept in line for" unit="s" scale={1_000} hint="0: not at all." />
        <TextArea pointer="/overflow/place" label="Said in line" hint="{place} is which they are." rows={2} />
        <TextArea pointer="/overflow/say" label="Said when the wait was too long" rows={2} />
        <TextArea pointer="/unavailable" label="Said when the model cannot be had" rows={2} />
      </Section>
    </>
  );
}

export function Keeping() {
  const { value: isOn } = useField<boolean>('/recording/enabled');
  const { value: mayPause } = useField<boolean>('/recording/may_pause');
  return (
    <Section title="Recording" hint="A call keeps what it began with: its caller was told so.">
      <SwitchField pointer="/recording/enabled" label="Record the sound" hint="The transcript is written in any case." />
      <TextArea
        pointer="/recording/consent"
        label="Said to the caller first"
        optional
        rows={2}
        placeholder="Nothing"
        hint="300 characters at most."
      />
      <div className="columns">
        {isOn && (
          <ChoiceField
            pointer="/recording/retention_days"
            label="Sound is kept for"
            choices={RETENTION_DAYS.map((days) => ({ value: String(days), label: days === 1 ? '1 day' : `${days} days` }))}
            write={Number}
          />
        )}
        <NumberInput pointer="/recording/transcript_retention_days" label="Everything else is kept for" unit="days" />
      </div>
      <SwitchField pointer="/recording/may_pause" label="May be paused" hint="By an operator, or by the agent with its tool." />
      {mayPause && <NumberInput pointer="/recording/longest_pause" label="Longest pause" unit="s" scale={1_000} />}
    </Section>
  );
}

export function Limits() {
  return (
    <>
      <Keeping />
      <Section title="Money" hint="From four fifths on the model is told to come to an end.">
        <div className="columns">
          <NumberInput pointer="/limits/spend_call" label="A call may cost" unit="$" />
          <NumberInput pointer="/limits/spend_day" label="A day may cost" unit="$" hint="All its calls of a day (UTC)." />
        </div>
      </Section>
      <Section title="Time">
        <div className="columns">
          <NumberInput pointer="/limits/call" label="Longest call" unit="s" scale={1_000} />
          <NumberInput pointer="/limits/silence" label="Silence before it asks" unit="s" scale={1_000} hint="After as long again it says goodbye." />
          <NumberInput pointer="/limits/goodbye" label="Last words take" unit="s" scale={1_000} hint="At most." />
          <NumberInput pointer="/limits/attach" label="Waits for the stream" unit="s" scale={1_000} />
        </div>
      </Section>
      <Section title="Tools">
        <div className="columns">
          <NumberInput pointer="/limits/tool" label="A tool may take" unit="s" scale={1_000} />
          <NumberInput pointer="/limits/tool_bytes" label="Arguments and answer" unit="bytes" />
          <NumberInput pointer="/limits/tool_rounds" label="Rounds without a word of the caller’s" />
          <NumberInput pointer="/limits/tool_calls" label="Tool calls of a call" />
        </div>
      </Section>
      <Section title="The model’s session">
        <div className="columns">
          <NumberInput pointer="/limits/model_ready" label="Ready within" unit="s" scale={1_000} />
          <NumberInput pointer="/limits/redials" label="Redials in a row" />
          <NumberInput pointer="/limits/redial_after" label="First redial after" unit="s" scale={1_000} />
          <NumberInput pointer="/limits/renew_after" label="Renewed after" unit="s" scale={1_000} hint="Empty: as late as the vendor lets it." />
          <NumberInput pointer="/limits/preroll" label="Caller’s words kept meanwhile" unit="s" scale={1_000} />
        </div>
      </Section>
    </>
  );
}
