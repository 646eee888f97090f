/** Fields of an agent, each bound to its place in the document, with what the server says is wrong there. */
import { X } from 'lucide-react';
import { createContext, type ReactNode, use, useState } from 'react';
import type { Agent, Fault as ServerFault } from '../api/types';
import { Select, Switch, type Choice } from '../ui/choices';
import { Field, IconButton, Button } from '../ui/controls';
import { DEFAULTS } from './defaults';
import { isWithin, read } from './pointer';

export interface Form {
  draft: Agent;
  faults: ServerFault[];
  readOnly: boolean;
  set: (pointer: string, value: unknown) => void;
}

export const FormContext = createContext<Form | null>(null);

export function useForm(): Form {
  const form = use(FormContext);
  if (!form) throw new Error('a field stands outside of a form');
  return form;
}

/** The server's pointers begin with `#`. */
function placeOf({ pointer }: ServerFault): string {
  return pointer.replace(/^#/, '');
}

export function faultsAt(faults: ServerFault[], pointer: string, isDeep: boolean): string[] {
  const here = faults.filter((fault) => (isDeep ? isWithin(placeOf(fault), pointer) : placeOf(fault) === pointer));
  return here.map((fault) => {
    const inner = placeOf(fault).slice(pointer.length + 1);
    return inner ? `${inner}: ${fault.detail}` : fault.detail;
  });
}

/** A value, what stands for it where there is none, and its faults. */
export function useField<T>(pointer: string, isDeep = false) {
  const { draft, faults, readOnly, set } = useForm();
  const own = read(draft, pointer) as T | undefined;
  const usual = read(DEFAULTS, pointer) as T | undefined;
  return {
    own,
    usual,
    value: own ?? usual,
    faults: faultsAt(faults, pointer, isDeep),
    readOnly,
    change: (value: T | undefined) => set(pointer, value),
  };
}

interface TextProps {
  pointer: string;
  label: string;
  hint?: ReactNode;
  suggestions?: string[];
  mono?: boolean;
  /** Taken away when it is empty, instead of being an empty text. */
  optional?: boolean;
  placeholder?: string;
}

export function TextField({ pointer, label, hint, suggestions, mono, optional = false, placeholder }: TextProps) {
  const { value, faults, readOnly, change } = useField<string>(pointer);
  const list = `list${pointer.replaceAll('/', '-')}`;
  return (
    <Field label={label} hint={hint} faults={faults}>
      {(ids) => (
        <>
          <input
            {...ids}
            className={`input ${mono ? 'mono' : ''}`}
            value={value ?? ''}
            placeholder={placeholder}
            readOnly={readOnly}
            autoComplete="off"
            spellCheck={false}
            list={suggestions ? list : undefined}
            onChange={({ target }) => change(optional && target.value === '' ? undefined : target.value)}
          />
          {suggestions && (
            <datalist id={list}>
              {suggestions.map((suggestion) => (
                <option key={suggestion} value={suggestion} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

interface AreaProps {
  pointer: string;
  label: string;
  hint?: ReactNode;
  rows?: number;
  optional?: boolean;
  placeholder?: string;
}

export function TextArea({ pointer, label, hint, rows = 3, optional = false, placeholder }: AreaProps) {
  const { value, faults, readOnly, change } = useField<string>(pointer);
  return (
    <Field label={label} hint={hint} faults={faults}>
      {(ids) => (
        <textarea
          {...ids}
          className="input"
          rows={rows}
          value={value ?? ''}
          placeholder={placeholder}
          readOnly={readOnly}
          onChange={({ target }) => change(optional && target.value === '' ? undefined : target.value)}
        />
      )}
    </Field>
  );
}

interface NumberProps {
  pointer: string;
  label: string;
  hint?: ReactNode;
  unit?: string;
  /** How many of the document's units are one of the shown: 1000 for seconds. */
  scale?: number;
}

/** Empty: as usual, which stands there in grey. */
export function NumberInput({ pointer, label, hint, unit, scale = 1 }: NumberProps) {
  const { own, usual, faults, readOnly, change } = useField<number>(pointer);
  return (
    <Field label={label} hint={hint} faults={faults}>
      {(ids) => (
        <span className="unit">
          <input
            {...ids}
            className="input"
            type="number"
            step="any"
            value={own === undefined ? '' : own / scale}
            placeholder={usual === undefined ? 'none' : String(usual / scale)}
            readOnly={readOnly}
            onChange={({ target }) => change(target.value === '' ? undefined : Number(target.value) * scale)}
          />
          {unit && <span>{unit}</span>}
        </span>
      )}
    </Field>
  );
}

interface ChoiceProps {
  pointer: string;
  label: string;
  hint?: ReactNode;
  choices: Choice[];
  /** Between what is chosen and what is written. */
  write?: (value: string) => unknown;
  read?: (value: unknown) => string;
}

function same(value: string): string {
  return value;
}

export function ChoiceField({ pointer, label, hint, choices, write: to = same, read: from = String }: ChoiceProps) {
  const { value, faults, readOnly, change } = useField<unknown>(pointer);
  const chosen = from(value);
  const isKnown = choices.some((choice) => choice.value === chosen);
  return (
    <Field label={label} hint={hint} faults={faults}>
      {(ids) => (
        <Select
          ids={ids}
          value={chosen}
          disabled={readOnly}
          choices={isKnown ? choices : [{ value: chosen, label: chosen }, ...choices]}
          onChange={(picked) => change(to(picked))}
        />
      )}
    </Field>
  );
}

export function SwitchField({ pointer, label, hint }: { pointer: string; label: string; hint?: ReactNode }) {
  const { value, readOnly, change } = useField<boolean>(pointer);
  return <Switch label={label} hint={hint} checked={value ?? false} disabled={readOnly} onChange={change} />;
}

export function Section({ title, hint, children }: { title: string; hint?: ReactNode; children: ReactNode }) {
  return (
    <section className="section">
      <header>
        <h2>{title}</h2>
        {hint && <p className="faint small">{hint}</p>}
      </header>
      <div className="stack">{children}</div>
    </section>
  );
}

interface Pair {
  id: number;
  key: string;
  value: string;
}

interface PairsProps {
  label: string;
  hint?: ReactNode;
  faults?: string[];
  value: Record<string, string>;
  onChange: (value: Record<string, string>) => void;
  names: [string, string];
  readOnly?: boolean;
}

let pairs = 0;
const NONE: string[] = [];

/** Names and values. While a name is typed it may be another's for a moment, so rows are kept beside the document. */
export function Pairs({ label, hint, faults = NONE, value, onChange, names, readOnly = false }: PairsProps) {
  const [rows, setRows] = useState<Pair[]>(() => Object.entries(value).map(([key, text]) => ({ id: ++pairs, key, value: text })));
  const change = (next: Pair[]) => {
    setRows(next);
    onChange(Object.fromEntries(next.filter(({ key }) => key !== '').map(({ key, value: text }) => [key, text])));
  };
  const edit = (id: number, part: Partial<Pair>) => change(rows.map((row) => (row.id === id ? { ...row, ...part } : row)));
  return (
    <fieldset className="pairs">
      <legend className="label">{label}</legend>
      {hint && <p className="faint small">{hint}</p>}
      {rows.map((row) => (
        <div key={row.id} className="pair">
          <input
            className="input mono"
            aria-label={`${names[0]} of ${label}`}
            placeholder={names[0]}
            value={row.key}
            readOnly={readOnly}
            onChange={({ target }) => edit(row.id, { key: target.value })}
          />
          <input
            className="input"
            aria-label={`${names[1]} of ${row.key || label}`}
            placeholder={names[1]}
            value={row.value}
            readOnly={readOnly}
            onChange={({ target }) => edit(row.id, { value: target.value })}
          />
          {!readOnly && (
            <IconButton label={`Remove ${row.key || 'this'}`} onClick={() => change(rows.filter(({ id }) => id !== row.id))}>
              <X aria-hidden="true" />
            </IconButton>
          )}
        </div>
      ))}
      {faults.map((fault) => (
        <p key={fault} className="fault" role="alert">
          {fault}
        </p>
      ))}
      {!readOnly && (
        <div>
          <Button size="small" onClick={() => setRows([...rows, { id: ++pairs, key: '', value: '' }])}>
            Add
          </Button>
        </div>
      )}
    </fieldset>
  );
}

/** Pairs of the agent itself. */
export function PairsField({ pointer, ...rest }: { pointer: string } & Omit<PairsProps, 'value' | 'onChange' | 'faults' | 'readOnly'>) {
  const { own, faults, readOnly, change } = useField<Record<string, string>>(pointer, true);
  return (
    <Pairs
      {...rest}
      value={own ?? {}}
      faults={faults}
      readOnly={readOnly}
      onChange={(value) => change(Object.keys(value).length > 0 ? value : undefined)}
    />
  );
}
