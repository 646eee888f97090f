/** Who speaks, and with which words. */
import type { Greeting } from '../api/types';
import { Select } from '../ui/choices';
import { Field } from '../ui/controls';
import { MODELS, VARIABLES, VOICES } from './defaults';
import { ChoiceField, NumberInput, PairsField, Section, TextArea, TextField, useField, useForm } from './form';

const KINDS = [
  { value: 'spoken', label: 'The agent opens, told how' },
  { value: 'words', label: 'The agent opens with these words' },
  { value: 'none', label: 'The caller opens' },
];

function kindOf(greeting: Greeting | undefined): 'spoken' | 'words' | 'none' {
  if (greeting === 'none') return 'none';
  return greeting && 'words' in greeting ? 'words' : 'spoken';
}

function textOf(greeting: Greeting | undefined): string {
  if (!greeting || greeting === 'none') return '';
  return 'words' in greeting ? greeting.words : greeting.spoken;
}

function GreetingField() {
  const { value, faults, readOnly, change } = useField<Greeting>('/greeting', true);
  const [kind, text] = [kindOf(value), textOf(value)];
  const make = (as: string, words: string) => change(as === 'none' ? 'none' : as === 'words' ? { words } : { spoken: words });
  return (
    <>
      <Field label="Greeting">
        {(ids) => <Select ids={ids} value={kind} choices={KINDS} disabled={readOnly} onChange={(chosen) => make(chosen, text)} />}
      </Field>
      {kind !== 'none' && (
        <Field label={kind === 'words' ? 'Its words' : 'How it opens'} faults={faults}>
          {(ids) => (
            <textarea {...ids} className="input" rows={2} value={text} readOnly={readOnly} onChange={({ target }) => make(kind, target.value)} />
          )}
        </Field>
      )}
    </>
  );
}

function KnownVariables() {
  const { draft } = useForm();
  return (
    <>
      Variables: {[...VARIABLES, ...Object.keys(draft.variables ?? {})].map((name) => `{{${name}}}`).join(' ')}
    </>
  );
}

export function Basics() {
  const zones = Intl.supportedValuesOf('timeZone');
  return (
    <>
      <Section title="Agent">
        <TextField pointer="/name" label="Name" hint="For people." />
        <div className="columns">
          <TextField
            pointer="/language"
            label="Language"
            optional
            placeholder="as the caller speaks"
            hint="As in de-DE. What it speaks, what the transcription expects."
            suggestions={['de-DE', 'en-GB', 'en-US', 'es-ES', 'fr-FR', 'it-IT', 'nl-NL', 'pt-BR']}
          />
          <TextField pointer="/time_zone" label="Time zone" suggestions={['UTC', ...zones]} hint="For the date that it is told, and its hours." />
        </div>
      </Section>
      <Section title="Voice and model">
        <div className="columns">
          <ChoiceField pointer="/backend" label="Backend" choices={[{ value: 'openai_realtime', label: 'OpenAI Realtime' }]} />
          <TextField pointer="/model" label="Model" suggestions={MODELS} hint="Any name that the vendor knows." />
          <TextField pointer="/voice" label="Voice" suggestions={VOICES} hint={`${VOICES.slice(0, 4).join(', ')} … or one of your own.`} />
          <NumberInput pointer="/speed" label="Speed" hint="0.25 to 1.5" unit="×" />
        </div>
      </Section>
      <Section title="Words">
        <GreetingField />
        <TextArea pointer="/instructions" label="Instructions" rows={10} hint={<KnownVariables />} />
        <PairsField pointer="/variables" label="Variables of its own" names={['Name', 'Value']} />
      </Section>
    </>
  );
}
