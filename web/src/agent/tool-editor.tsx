/** One tool of an agent's own: its definition, and a trial of it as a call would make it. */
import { useMutation } from '@tanstack/react-query';
import { FlaskConical } from 'lucide-react';
import { useState } from 'react';
import { ApiError, send } from '../api/client';
import type { Fault as ServerFault, HttpTarget, LambdaTarget, OwnTool, Trial } from '../api/types';
import { bytes, span, words } from '../lib/format';
import { Select, Switch } from '../ui/choices';
import { Button, Fault, Field } from '../ui/controls';
import { Dialog } from '../ui/dialogs';
import { faultsAt, Pairs } from './form';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].map((value) => ({ value, label: value }));
const BODIES = [
  { value: 'none', label: 'Nothing' },
  { value: 'arguments', label: 'The arguments, as JSON' },
  { value: 'template', label: 'JSON with {argument}s' },
];

export function blankTool(): OwnTool {
  const parameters = { type: 'object', properties: {}, required: [], additionalProperties: false };
  return { name: '', description: '', parameters, target: { type: 'http', method: 'GET', url: '' }, timeout_ms: 8_000 };
}

interface JsonProps {
  label: string;
  hint?: string;
  value: unknown;
  faults: string[];
  rows: number;
  onChange: (value: unknown) => void;
}

/** What is typed is kept as it is typed; what can be read of it is the value. */
function JsonField({ label, hint, value, faults, rows, onChange }: JsonProps) {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2));
  const [broken, setBroken] = useState<string | null>(null);
  const change = (typed: string) => {
    setText(typed);
    try {
      onChange(JSON.parse(typed));
      setBroken(null);
    } catch (error) {
      setBroken(`no JSON yet: ${error instanceof Error ? error.message : ''}`);
    }
  };
  return (
    <Field label={label} hint={hint} faults={broken ? [broken] : faults}>
      {(ids) => (
        <textarea {...ids} className="input mono" rows={rows} spellCheck={false} value={text} onChange={({ target }) => change(target.value)} />
      )}
    </Field>
  );
}

interface PartProps<T> {
  target: T;
  faults: (pointer: string, isDeep?: boolean) => string[];
  change: (target: T) => void;
}

function without<T extends object>(object: T, name: keyof T, value: unknown): T {
  const { [name]: _, ...others } = object;
  return (value === undefined || value === '' ? others : { ...object, [name]: value }) as T;
}

function bodyKind(body: HttpTarget['body']): string {
  return typeof body === 'object' ? 'template' : (body ?? 'none');
}

function Http({ target, faults, change }: PartProps<HttpTarget>) {
  const set = (name: keyof HttpTarget, value: unknown) => change(without(target, name, value));
  const kind = bodyKind(target.body);
  const pairs = (name: 'query' | 'headers') => (value: Record<string, string>) =>
    set(name, Object.keys(value).length > 0 ? value : undefined);
  return (
    <>
      <div className="request">
        <Field label="Method" faults={faults('/target/method')}>
          {(ids) => <Select ids={ids} value={target.method} choices={METHODS} onChange={(method) => set('method', method)} />}
        </Field>
        <Field label="Address" faults={faults('/target/url')} hint="{argument}s are escaped for their place.">
          {(ids) => (
            <input
              {...ids}
              className="input mono"
              placeholder="https://api.example.com/orders/{order}"
              value={target.url}
              onChange={({ target: { value } }) => change({ ...target, url: value })}
            />
          )}
        </Field>
      </div>
      <Pairs label="Query" names={['Name', '{argument}']} value={target.query ?? {}} faults={faults('/target/query', true)} onChange={pairs('query')} />
      <Pairs
        label="Headers"
        hint="A key goes in as {{secret:NAME}}."
        names={['Header', 'Bearer {{secret:CRM_KEY}}']}
        value={target.headers ?? {}}
        faults={faults('/target/headers', true)}
        onChange={pairs('headers')}
      />
      <Field label="Body" faults={kind === 'template' ? [] : faults('/target/body', true)}>
        {(ids) => (
          <Select
            ids={ids}
            value={kind}
            choices={BODIES}
            onChange={(chosen) => set('body', chosen === 'none' ? undefined : chosen === 'template' ? { template: {} } : chosen)}
          />
        )}
      </Field>
      {typeof target.body === 'object' && (
        <JsonField
          label="Template"
          rows={5}
          value={target.body.template}
          faults={faults('/target/body', true)}
          onChange={(template) => set('body', { template })}
        />
      )}
      <div className="columns">
        <Field label="Part of the answer" hint="A JSON Pointer; empty: all." faults={faults('/target/pointer')}>
          {(ids) => (
            <input {...ids} className="input mono" placeholder="/data" value={target.pointer ?? ''} onChange={(e) => set('pointer', e.target.value)} />
          )}
        </Field>
        <Field label="Retries" hint="For methods that may be repeated." faults={faults('/target/retries')}>
          {(ids) => (
            <input
              {...ids}
              className="input"
              type="number"
              min={0}
              max={3}
              value={target.retries ?? 0}
              onChange={(e) => set('retries', Number(e.target.value) || undefined)}
            />
          )}
        </Field>
        <Field label="Largest answer" hint="Bytes; 65536 if empty." faults={faults('/target/largest_answer')}>
          {(ids) => (
            <input
              {...ids}
              className="input"
              type="number"
              value={target.largest_answer ?? ''}
              onChange={(e) => set('largest_answer', Number(e.target.value) || undefined)}
            />
          )}
        </Field>
      </div>
    </>
  );
}

function Lambda({ target, faults, change }: PartProps<LambdaTarget>) {
  return (
    <>
      <Field label="Function" faults={faults('/target/arn')} hint="One that TOOL_FUNCTION_ARNS names.">
        {(ids) => (
          <input
            {...ids}
            className="input mono"
            placeholder="arn:aws:lambda:eu-central-1:123456789012:function:orders"
            value={target.arn}
            onChange={({ target: { value } }) => change({ ...target, arn: value })}
          />
        )}
      </Field>
      <Switch
        label="Twice is as good as once"
        hint="Only then is one whose end nobody saw begun again."
        checked={target.idempotent ?? false}
        onChange={(on) => change(without(target, 'idempotent', on || undefined))}
      />
    </>
  );
}

function Result({ trial }: { trial: Trial }) {
  const { outcome, run } = trial;
  const isGood = 'ok' in outcome;
  return (
    <div className="stack tight">
      <div className="row wrap">
        <span className={`badge ${isGood ? 'good' : 'bad'}`}>{isGood ? 'It works' : words(outcome.error.kind)}</span>
        {run && (
          <span className="faint small">
            {span(run.took_ms)}
            {run.status ? ` · HTTP ${run.status}` : ''}
            {run.attempts > 1 ? ` · ${run.attempts} attempts` : ''} · {bytes(run.output_bytes)}
            {run.cause ? ` · ${words(run.cause)}` : ''}
          </span>
        )}
      </div>
      <pre className="code">{isGood ? JSON.stringify(outcome.ok, null, 2) : outcome.error.message}</pre>
    </div>
  );
}

/** Of what the schema asks for, something of its kind. */
function example(parameters: unknown): Record<string, unknown> {
  const properties = (parameters as { properties?: Record<string, { type?: string; enum?: unknown[] }> } | undefined)?.properties ?? {};
  const blank = { string: '', number: 0, integer: 0, boolean: false, array: [], object: {} } as Record<string, unknown>;
  return Object.fromEntries(Object.entries(properties).map(([name, { type, enum: values }]) => [name, values?.[0] ?? blank[type ?? 'string'] ?? '']));
}

interface TryProps {
  tool: OwnTool;
  onFaults: (faults: ServerFault[]) => void;
}

function Try({ tool, onFaults }: TryProps) {
  const [given, setGiven] = useState<unknown>(() => example(tool.parameters));
  const run = useMutation({
    mutationFn: () => send<Trial>('POST', '/api/tools/try', { tool, arguments: given }),
    onError: (error) => onFaults(error instanceof ApiError ? error.faults : []),
    onSuccess: () => onFaults([]),
  });
  return (
    <section className="try stack tight" aria-label="Try it">
      <JsonField label="Arguments to try it with" rows={3} value={given} faults={[]} onChange={setGiven} />
      <div>
        <Button busy={run.isPending} onClick={() => run.mutate()}>
          <FlaskConical aria-hidden="true" /> Try it
        </Button>
      </div>
      <div aria-live="polite">
        {run.error && <Fault>{run.error.message}</Fault>}
        {run.data && <Result trial={run.data} />}
      </div>
    </section>
  );
}

interface EditorProps {
  tool: OwnTool;
  faults: ServerFault[];
  isNew: boolean;
  onSave: (tool: OwnTool) => void;
  onClose: () => void;
}

/** `faults`: the agent's, of this tool, with its place taken off. */
export function ToolEditor({ tool: given, faults: known, isNew, onSave, onClose }: EditorProps) {
  const [tool, setTool] = useState(given);
  const [found, setFound] = useState<ServerFault[] | null>(null);
  const faults = (pointer: string, isDeep = false) => faultsAt(found ?? known, pointer, isDeep);
  const set = (name: keyof OwnTool, value: unknown) => setTool(without(tool, name, value));
  const { target } = tool;
  const kinds = [
    { value: 'http', label: 'An HTTP request' },
    { value: 'lambda', label: 'A Lambda function' },
  ];
  const retarget = (type: string) =>
    setTool({ ...tool, target: type === 'lambda' ? { type: 'lambda', arn: '' } : { type: 'http', method: 'GET', url: '' } });
  return (
    <Dialog open onClose={onClose} wide title={isNew ? 'New tool' : tool.name || 'Tool'}>
      <div className="editor">
        <div className="stack">
          <Field label="Name" faults={faults('/name')} hint="Letters, digits, _ and -.">
            {(ids) => (
              <input {...ids} className="input mono" value={tool.name} onChange={(e) => setTool({ ...tool, name: e.target.value })} />
            )}
          </Field>
          <Field label="Description" faults={faults('/description')} hint="By which the model knows when to call it.">
            {(ids) => (
              <textarea {...ids} className="input" rows={2} value={tool.description} onChange={(e) => setTool({ ...tool, description: e.target.value })} />
            )}
          </Field>
          <JsonField
            label="Arguments"
            hint="A JSON Schema."
            rows={9}
            value={tool.parameters ?? {}}
            faults={faults('/parameters', true)}
            onChange={(parameters) => set('parameters', parameters)}
          />
          <Field label="Takes at most" faults={faults('/timeout_ms')}>
            {(ids) => (
              <span className="unit">
                <input {...ids} className="input" type="number" value={tool.timeout_ms ?? ''} onChange={(e) => set('timeout_ms', Number(e.target.value) || undefined)} />
                <span>ms</span>
              </span>
            )}
          </Field>
          <Field label="When it fails, the agent says" faults={faults('/on_failure')}>
            {(ids) => (
              <textarea
                {...ids}
                className="input"
                rows={2}
                placeholder="Say that orders cannot be looked up right now, and offer to call back."
                value={tool.on_failure ?? ''}
                onChange={(e) => set('on_failure', e.target.value)}
              />
            )}
          </Field>
        </div>
        <div className="stack">
          <Field label="What is done" faults={faults('/target')}>
            {(ids) => <Select ids={ids} value={target.type} choices={kinds} onChange={retarget} />}
          </Field>
          {target.type === 'http' ? (
            <Http target={target} faults={faults} change={(next) => setTool({ ...tool, target: next })} />
          ) : (
            <Lambda target={target} faults={faults} change={(next) => setTool({ ...tool, target: next })} />
          )}
          <Try tool={tool} onFaults={setFound} />
        </div>
      </div>
      <div className="actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" onClick={() => onSave(tool)}>
          {isNew ? 'Add' : 'Done'}
        </Button>
      </div>
    </Dialog>
  );
}
