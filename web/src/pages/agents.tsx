/** Who answers: all agents, and ways to get another one. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Bot, FileUp, Plus } from 'lucide-react';
import { type FormEvent, useRef, useState } from 'react';
import { ApiError, ask, get, send } from '../api/client';
import { PLAIN, PRESETS, preset } from '../agent/presets';
import type { Agent, AgentSent, AgentTitle, NumberEntry } from '../api/types';
import { moment } from '../lib/format';
import { useNow } from '../lib/now';
import { go, Link } from '../lib/router';
import { useMay } from '../lib/session';
import { useTitle } from '../lib/title';
import { Select } from '../ui/choices';
import { Button, Fault, Field } from '../ui/controls';
import { Dialog } from '../ui/dialogs';
import { Empty, tell, Trouble, Waiting } from '../ui/feedback';

const YAML = { 'content-type': 'application/yaml' };

/** What a name becomes in an address. */
export function slug(name: string): string {
  const plain = name.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64);
}

function NewAgent({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [id, setId] = useState<string | null>(null);
  const [from, setFrom] = useState(PLAIN);
  const queries = useQueryClient();
  const create = useMutation({
    mutationFn: async (agent: AgentSent & { id: string; name: string }) => {
      if (from === PLAIN) return send<Agent>('POST', '/api/agents', agent);
      const body = await preset(from, agent.id, agent.name);
      return (await (await ask('/api/agents', { method: 'POST', body, headers: YAML })).json()) as Agent;
    },
    onSuccess: (agent) => {
      void queries.invalidateQueries({ queryKey: ['agents'] });
      go(`/agents/${agent.id}`);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate({ id: id ?? slug(name), name: name.trim() });
  };
  const { error } = create;
  const faults = error instanceof ApiError && error.faults.length > 0 ? error.faults.map(({ detail }) => detail) : error ? [error.message] : [];
  return (
    <Dialog open onClose={onClose} title="New agent" description="Everything can be changed afterwards.">
      <form className="stack" onSubmit={submit}>
        <Field label="Name">
          {(ids) => <input {...ids} className="input" required value={name} onChange={({ target }) => setName(target.value)} />}
        </Field>
        <Field label="Id" hint="Small letters, digits and hyphens. It stays as it is." faults={faults}>
          {(ids) => (
            <input {...ids} className="input mono" required value={id ?? slug(name)} onChange={({ target }) => setId(target.value)} />
          )}
        </Field>
        <Field label="Begin with" hint={from === PLAIN ? 'A receptionist who answers, and no more.' : 'Its words, voice and tools, to be made your own.'}>
          {(ids) => <Select ids={ids} value={from} choices={[{ value: PLAIN, label: 'A receptionist' }, ...PRESETS]} onChange={setFrom} />}
        </Field>
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={create.isPending}>
            Create
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Over one that is there, its next version; what it was before can be restored. */
async function put(yaml: string): Promise<Agent> {
  const document = { method: 'POST', body: yaml, headers: YAML };
  try {
    return (await (await ask('/api/agents', document)).json()) as Agent;
  } catch (error) {
    const id = /^id:\s*["']?([a-z0-9-]+)/m.exec(yaml)?.[1];
    if (!(error instanceof ApiError) || error.status !== 409 || !id) throw error;
    const over = { ...document, method: 'PUT', headers: { ...document.headers, 'if-match': '*' } };
    return (await (await ask(`/api/agents/${id}`, over)).json()) as Agent;
  }
}

function ImportAgent({ onClose }: { onClose: () => void }) {
  const [yaml, setYaml] = useState('');
  const file = useRef<HTMLInputElement>(null);
  const queries = useQueryClient();
  const load = useMutation({
    mutationFn: () => put(yaml),
    onSuccess: (agent) => {
      void queries.invalidateQueries();
      tell(`Version ${agent.version} of ${agent.id} is saved`);
      go(`/agents/${agent.id}`);
    },
  });
  const { error } = load;
  return (
    <Dialog
      open
      onClose={onClose}
      wide
      title="Import an agent"
      description="YAML or JSON, as an agent is exported. Over an agent of the same id it becomes the next version."
    >
      <div className="row">
        <input
          ref={file}
          type="file"
          accept=".yaml,.yml,.json"
          hidden
          onChange={({ target }) => void target.files?.[0]?.text().then(setYaml)}
        />
        <Button onClick={() => file.current?.click()}>
          <FileUp aria-hidden="true" /> Choose a file
        </Button>
        <span className="faint small">or paste it here</span>
      </div>
      <textarea
        className="input mono"
        aria-label="The agent’s document"
        rows={16}
        spellCheck={false}
        value={yaml}
        onChange={({ target }) => setYaml(target.value)}
      />
      {error && (
        <div className="stack tight">
          <Fault>{error.message}</Fault>
          {error instanceof ApiError && (
            <ul className="stack tight">
              {error.faults.map(({ pointer, detail }) => (
                <li key={`${pointer} ${detail}`} className="small">
                  <code>{pointer.slice(1) || '/'}</code> {detail}
                </li>
              ))}
            </ul>
          )}
        </div>
      )}
      <div className="actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" busy={load.isPending} disabled={!yaml.trim()} onClick={() => load.mutate()}>
          Import
        </Button>
      </div>
    </Dialog>
  );
}

export default function AgentsPage() {
  const agents = useQuery({ queryKey: ['agents'], queryFn: ({ signal }) => get<{ agents: AgentTitle[] }>('/api/agents', signal) });
  const numbers = useQuery({ queryKey: ['numbers'], queryFn: ({ signal }) => get<{ numbers: NumberEntry[] }>('/api/numbers', signal) });
  const [dialog, setDialog] = useState<'new' | 'import' | null>(null);
  const now = useNow();
  const mayEdit = useMay('admin');
  useTitle('Agents');
  const list = agents.data?.agents ?? [];
  const numbersOf = (id: string) => (numbers.data?.numbers ?? []).filter(({ agent }) => agent === id).map(({ number }) => number);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Agents</h1>
        {mayEdit && (
          <div className="actions">
            <Button onClick={() => setDialog('import')}>
              <FileUp aria-hidden="true" /> Import
            </Button>
            <Button kind="primary" onClick={() => setDialog('new')}>
              <Plus aria-hidden="true" /> New agent
            </Button>
          </div>
        )}
      </div>
      {agents.error && <Trouble error={agents.error} again={() => void agents.refetch()} />}
      <section className="panel" aria-label="All agents">
        {agents.isPending && <Waiting />}
        {agents.data && list.length === 0 && (
          <Empty icon={Bot} title="No agent is stored">
            <p>
              Calls are answered by the agent that the environment describes. Create one with the id <code>default</code> to answer them
              instead.
            </p>
          </Empty>
        )}
        {list.length > 0 && (
          <table className="table cards">
            <thead>
              <tr>
                <th>Agent</th>
                <th>Answers</th>
                <th className="number">Version</th>
                <th className="number">Saved</th>
              </tr>
            </thead>
            <tbody>
              {list.map(({ id, name, version, saved_at_ms }) => (
                <tr key={id} className="link" onClick={() => go(`/agents/${id}`)}>
                  <td>
                    <Link to={`/agents/${id}`} className="main" onClick={(event) => event.stopPropagation()}>
                      {name}
                    </Link>{' '}
                    <code className="faint">{id}</code>
                  </td>
                  <td className="soft wide">
                    {numbersOf(id).join(', ')}
                    {id === 'default' && <span className="faint"> every other number</span>}
                  </td>
                  <td className="number optional">{version}</td>
                  <td className="number soft end corner">{moment(saved_at_ms, now)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
      {dialog === 'new' && <NewAgent onClose={() => setDialog(null)} />}
      {dialog === 'import' && <ImportAgent onClose={() => setDialog(null)} />}
    </div>
  );
}
