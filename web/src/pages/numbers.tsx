/** Where the account's numbers lead, and which agent answers which. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Hash, Plus, Trash2 } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { ApiError, get, send } from '../api/client';
import type { AgentTitle, NumberEntry } from '../api/types';
import { Link } from '../lib/router';
import { useMay } from '../lib/session';
import { useTitle } from '../lib/title';
import { Select } from '../ui/choices';
import { Button, Field, IconButton } from '../ui/controls';
import { Confirm } from '../ui/dialogs';
import { Empty, tell, tellTrouble, Trouble, Waiting } from '../ui/feedback';
import { TwilioNumbers } from './account-numbers';

function assign(number: string, agent: string): Promise<NumberEntry> {
  return send('PUT', `/api/numbers/${encodeURIComponent(number)}`, { agent });
}

/** `+1 500 555-0001` → `+15005550001`. */
export function e164(text: string): string {
  return text.replace(/[\s().\-/]/g, '').replace(/^00/, '+');
}

function Assign({ agents }: { agents: AgentTitle[] }) {
  const queries = useQueryClient();
  const [number, setNumber] = useState('');
  const [agent, setAgent] = useState(agents[0]?.id ?? '');
  const save = useMutation({
    mutationFn: () => assign(e164(number), agent),
    onSuccess: () => {
      tell(`${agents.find(({ id }) => id === agent)?.name} answers ${e164(number)} from the next call on`);
      setNumber('');
      void queries.invalidateQueries({ queryKey: ['numbers'] });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const { error } = save;
  const fault = error instanceof ApiError && error.status === 404 ? 'a number is written with its country: +4930123456' : error?.message;
  return (
    <form className="panel" onSubmit={submit}>
      <div className="body assign">
        <Field label="Number" faults={fault ? [fault] : []}>
          {(ids) => (
            <input
              {...ids}
              className="input"
              type="tel"
              required
              placeholder="+4930123456"
              value={number}
              onChange={({ target }) => setNumber(target.value)}
            />
          )}
        </Field>
        <Field label="Answered by">
          {(ids) => (
            <Select ids={ids} value={agent} choices={agents.map(({ id, name }) => ({ value: id, label: name, hint: id }))} onChange={setAgent} />
          )}
        </Field>
        <Button type="submit" kind="primary" busy={save.isPending}>
          <Plus aria-hidden="true" /> Assign
        </Button>
      </div>
    </form>
  );
}

export default function NumbersPage() {
  const queries = useQueryClient();
  const numbers = useQuery({ queryKey: ['numbers'], queryFn: ({ signal }) => get<{ numbers: NumberEntry[] }>('/api/numbers', signal) });
  const agents = useQuery({ queryKey: ['agents'], queryFn: ({ signal }) => get<{ agents: AgentTitle[] }>('/api/agents', signal) });
  const mayEdit = useMay('admin');
  useTitle('Numbers');
  const list = numbers.data?.numbers ?? [];
  const all = agents.data?.agents ?? [];
  const choices = all.map(({ id, name }) => ({ value: id, label: name, hint: id }));
  const refresh = () => queries.invalidateQueries({ queryKey: ['numbers'] });
  const change = async (number: string, agent: string) => {
    try {
      await assign(number, agent);
      await refresh();
      tell(`${number} has another agent from the next call on`);
    } catch (error) {
      tellTrouble(`${number} could not be assigned`, error);
    }
  };
  const error = numbers.error ?? agents.error;
  return (
    <div className="page">
      <div className="page-head">
        <h1>Numbers</h1>
        <p>
          A number that is not here is answered by the agent <code>default</code>, and without one by the agent that the environment
          describes.
        </p>
      </div>
      {error && <Trouble error={error} again={() => void numbers.refetch()} />}
      <TwilioNumbers assigned={list} />
      {mayEdit && all.length > 0 && <Assign agents={all} />}
      <section className="panel" aria-label="Assigned numbers">
        {numbers.isPending && <Waiting />}
        {numbers.data && list.length === 0 && (
          <Empty icon={Hash} title="No number has an agent of its own">
            {agents.data && all.length === 0 && (
              <p>
                <Link to="/agents">Create an agent</Link> first.
              </p>
            )}
          </Empty>
        )}
        {list.length > 0 && (
          <table className="table">
            <thead>
              <tr>
                <th>Number</th>
                <th>Answered by</th>
                <th>
                  <span className="hidden-text">Release</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map(({ number, agent }) => (
                <tr key={number}>
                  <td>{number}</td>
                  <td>
                    {mayEdit ? (
                      <Select
                        label={`Agent of ${number}`}
                        value={agent}
                        choices={all.some(({ id }) => id === agent) ? choices : [{ value: agent, label: `${agent} (deleted)` }, ...choices]}
                        onChange={(chosen) => void change(number, chosen)}
                      />
                    ) : (
                      <Link to={`/agents/${agent}`}>{agent}</Link>
                    )}
                  </td>
                  <td className="number">
                    {mayEdit && (
                      <Confirm
                        trigger={
                          <IconButton label={`Release ${number}`}>
                            <Trash2 aria-hidden="true" />
                          </IconButton>
                        }
                        title={`Release ${number}?`}
                        action="Release"
                        onConfirm={async () => {
                          await send('DELETE', `/api/numbers/${encodeURIComponent(number)}`);
                          await refresh();
                        }}
                      >
                        The default agent answers it from the next call on.
                      </Confirm>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
    </div>
  );
}
