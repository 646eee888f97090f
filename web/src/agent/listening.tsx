/** How it hears: when a caller has finished, what noise is taken away, who writes it down. */
import type { TurnDetection } from '../api/types';
import { Switch } from '../ui/choices';
import { ChoiceField, NumberInput, Section, TextField, useField } from './form';

const EAGERNESS = ['auto', 'low', 'medium', 'high'].map((value) => ({ value, label: value }));
const NONE = 'none';

function Turns() {
  const { value } = useField<TurnDetection>('/turn_detection');
  return (
    <>
      <ChoiceField
        pointer="/turn_detection"
        label="When a caller has finished"
        choices={[
          { value: 'server_vad', label: 'After a silence' },
          { value: 'semantic_vad', label: 'By what they say' },
        ]}
        read={(turn) => (turn as TurnDetection).type}
        write={(type) => ({ type })}
      />
      {value?.type === 'semantic_vad' ? (
        <ChoiceField
          pointer="/turn_detection/eagerness"
          label="Eagerness to answer"
          choices={EAGERNESS}
          read={(eagerness) => String(eagerness ?? 'auto')}
        />
      ) : (
        <div className="columns">
          <NumberInput pointer="/turn_detection/threshold" label="Loud enough" hint="0 to 1; higher for noisy places." />
          <NumberInput pointer="/turn_detection/silence_duration_ms" label="Silence" unit="ms" />
          <NumberInput pointer="/turn_detection/prefix_padding_ms" label="Kept from before" unit="ms" />
        </div>
      )}
    </>
  );
}

function TranscriptionFields() {
  const { own, readOnly, change } = useField<{ model: string; language?: string } | null>('/transcription');
  const isOn = own !== null;
  return (
    <>
      <Switch
        label="Write down what callers say"
        hint="Without it the transcript has only the agent’s side."
        checked={isOn}
        disabled={readOnly}
        onChange={(on) => change(on ? undefined : null)}
      />
      {isOn && (
        <div className="columns">
          <TextField pointer="/transcription/model" label="Transcription model" suggestions={['gpt-live-transcribe', 'gpt-4o-transcribe', 'whisper-1']} />
          {own && <TextField pointer="/transcription/language" label="Its language" optional placeholder="the agent’s own" hint="As in de." />}
        </div>
      )}
    </>
  );
}

export function Listening() {
  return (
    <>
      <Section title="Turns">
        <Turns />
      </Section>
      <Section title="Sound">
        <ChoiceField
          pointer="/noise_reduction"
          label="Noise reduction"
          choices={[
            { value: 'near_field', label: 'Handset' },
            { value: 'far_field', label: 'Speakerphone' },
            { value: NONE, label: 'None' },
          ]}
          read={(value) => (value === null ? NONE : String(value))}
          write={(value) => (value === NONE ? null : value)}
        />
        <TranscriptionFields />
      </Section>
      <Section title="Thinking">
        <ChoiceField
          pointer="/reasoning"
          label="Reasoning effort"
          choices={[NONE, 'minimal', 'low', 'medium', 'high', 'xhigh'].map((value) => ({
            value,
            label: value === NONE ? 'As the model does by itself' : value,
          }))}
          read={(value) => (value === null || value === undefined ? NONE : String(value))}
          write={(value) => (value === NONE ? null : value)}
        />
        <ChoiceField
          pointer="/truncation"
          label="Long conversations"
          hint="How the vendor may shorten what the model has to remember."
          choices={[
            { value: 'ratio', label: 'Drop the oldest in large pieces' },
            { value: 'auto', label: 'As the vendor does by itself' },
            { value: 'disabled', label: 'Keep everything, and end with an error' },
          ]}
          read={(value) => (typeof value === 'object' ? 'ratio' : String(value))}
          write={(value) => (value === 'ratio' ? { retention_ratio: 0.8 } : value)}
        />
        <Ratio />
      </Section>
    </>
  );
}

function Ratio() {
  const { value } = useField<unknown>('/truncation');
  if (typeof value !== 'object') return null;
  return <NumberInput pointer="/truncation/retention_ratio" label="Share that is kept" hint="0 to 1" />;
}
