/** One agent: everything it is, checked while it is typed, saved as its next version. */
import './agent.css';
import { Tabs } from '@base-ui/react/tabs';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Bot, CircleAlert, Download, PhoneCall, Trash2 } from 'lucide-react';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { Basics } from '../agent/basics';
import { keep, useDraft } from '../agent/drafts';
import { type Form, FormContext } from '../agent/form';
import { Routing } from '../agent/hours';
import { Limits, Waiting as WaitingTab } from '../agent/limits';
import { Listening } from '../agent/listening';
import { isWithin, write } from '../agent/pointer';
import { Tools } from '../agent/tools';
import { Versions } from '../agent/versions';
import { ApiError, ask, get, send } from '../api/client';
import type { Agent, Fault } from '../api/types';
import { USUAL_NAME } from '../lib/agent-name';
import { save as download } from '../lib/download';
import { go, Link, useSearch } from '../lib/router';
import { useMay } from '../lib/session';
import { useTitle } from '../lib/title';
import { Button, buttonClass } from '../ui/controls';
import { Confirm } from '../ui/dialogs';
import { Empty, tell, tellTrouble, Trouble, Waiting } from '../ui/feedback';

interface Tab {
  id: string;
  name: string;
  /** Which parts of the document are on it. */
  places: string[];
  content: () => ReactNode;
}

const TABS: Tab[] = [
  {
    id: 'agent',
    name: 'Agent',
    places: ['/name', '/id', '/language', '/time_zone', '/backend', '/model', '/voice', '/speed', '/greeting', '/instructions', '/variables'],
    content: () => <Basics />,
  },
  {
    id: 'listening',
    name: 'Listening',
    places: ['/turn_detection', '/noise_reduction', '/transcription', '/reasoning', '/truncation'],
    content: () => <Listening />,
  },
  { id: 'tools', name: 'Tools', places: ['/tools', '/own_tools', '/mcp_servers'], content: () => <Tools /> },
  {
    id: 'routing',
    name: 'Hours and transfers',
    places: ['/hours', '/transfer_targets', '/transfer_to_any_number', '/keypad'],
    content: () => <Routing />,
  },
  {
    id: 'waiting',
    name: 'Waiting',
    places: ['/hold_music', '/overflow', '/unavailable', '/limits/hold_after', '/limits/longest_hold'],
    content: () => <WaitingTab />,
  },
  { id: 'limits', name: 'Recording and limits', places: ['/recording', '/limits'], content: () => <Limits /> },
];

function tabOf(pointer: string): Tab | undefined {
  const place = pointer.replace(/^#/, '');
  return TABS.find(({ places }) => places.some((outer) => isWithin(place, outer)));
}

const CHECK_AFTER_MS = 500;

/** What the server would say to it, a moment after the last key. */
function useFaults(agent: Agent, isOn: boolean): Fault[] {
  const [checked, setChecked] = useState<Agent | null>(null);
  useEffect(() => {
    if (!isOn) return;
    const timer = window.setTimeout(() => setChecked(agent), CHECK_AFTER_MS);
    return () => window.clearTimeout(timer);
  }, [agent, isOn]);
  const check = useQuery({
    queryKey: ['faults', checked],
    queryFn: async () => {
      try {
        await send('POST', '/api/agents/validate', checked);
        return [];
      } catch (error) {
        if (error instanceof ApiError && error.status === 422) return error.faults;
        throw error;
      }
    },
    enabled: isOn && checked !== null,
    placeholderData: (before) => before,
    staleTime: Infinity,
    gcTime: 0,
  });
  return isOn ? (check.data ?? []) : [];
}

function Faults({ faults, onShow }: { faults: Fault[]; onShow: (tab: string) => void }) {
  if (faults.length === 0) return null;
  return (
    <div className="notice bad" role="status">
      <CircleAlert aria-hidden="true" />
      <div className="grow">
        <strong>This agent cannot take calls yet.</strong>
        <ul className="fault-list">
          {faults.map(({ pointer, detail }) => {
            const tab = tabOf(pointer);
            return (
              <li key={`${pointer} ${detail}`} className="small">
                {tab ? (
                  <button type="button" className="button quiet small" onClick={() => onShow(tab.id)}>
                    {tab.name}
                  </button>
                ) : null}{' '}
                <code>{pointer.slice(1) || '/'}</code> {detail}
              </li>
            );
          })}
        </ul>
      </div>
    </div>
  );
}

function Yaml({ agent }: { agent: Agent }) {
  const yaml = useQuery({
    queryKey: ['yaml', agent.id, agent.version],
    queryFn: async ({ signal }) => (await ask(`/api/agents/${agent.id}`, { headers: { accept: 'application/yaml' }, signal })).text(),
  });
  if (yaml.error) return <Trouble error={yaml.error} />;
  if (yaml.data === undefined) return <Waiting />;
  return (
    <div className="yaml stack">
      <div className="row wrap">
        <p className="soft grow">As it is saved. Import it elsewhere, or keep it beside your code.</p>
        <Button onClick={() => download(`${agent.id}.yaml`, yaml.data, 'application/yaml')}>
          <Download aria-hidden="true" /> Download
        </Button>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls can be scrolled by keys */}
      <pre className="code" tabIndex={0} role="region" aria-label="The agent as YAML">
        {yaml.data}
      </pre>
    </div>
  );
}

interface SaveBarProps {
  isStale: boolean;
  faults: Fault[];
  isBusy: boolean;
  save: () => void;
  discard: () => void;
}

function SaveBar({ isStale, faults, isBusy, save, discard }: SaveBarProps) {
  return (
    <section className="save-bar" aria-label="Unsaved changes">
      <span className="grow">
        {isStale ? 'Somebody else has saved another version meanwhile.' : 'Unsaved changes'}
        {faults.length > 0 && <span className="badge bad save-faults">{faults.length} to mend</span>}
      </span>
      <Button onClick={discard}>{isStale ? 'Show theirs' : 'Discard'}</Button>
      <Button kind="primary" busy={isBusy} disabled={isStale} onClick={save}>
        Save
      </Button>
    </section>
  );
}

function Editor({ saved, reload }: { saved: Agent; reload: () => Promise<unknown> }) {
  const queries = useQueryClient();
  const [mayEdit, mayCall] = [useMay('admin'), useMay('operator')];
  const draft = useDraft(saved.id);
  const tab = useSearch().get('tab') ?? 'agent';
  const show = (id: string) => go(`/agents/${saved.id}${id === 'agent' ? '' : `?tab=${id}`}`, 'replace');
  // Fields that keep what is typed begin anew when another version stands in the form.
  const [epoch, setEpoch] = useState(0);
  const agent = draft?.agent ?? saved;
  const base = draft?.base ?? saved.version ?? 0;
  const isStale = draft !== null && base !== saved.version;
  const checked = useFaults(agent, mayEdit);
  const [refused, setRefused] = useState<Fault[] | null>(null);
  const faults = refused ?? checked;
  useTitle(agent.name ?? USUAL_NAME);

  const renew = (next: Agent) => {
    keep(saved.id, null);
    setRefused(null);
    queries.setQueryData(['agents', 'one', saved.id], next);
    void queries.invalidateQueries({ queryKey: ['agents'] });
    setEpoch((count) => count + 1);
  };
  const save = useMutation({
    mutationFn: () => send<Agent>('PUT', `/api/agents/${saved.id}`, agent, { 'if-match': `"${base}"` }),
    onSuccess: (next) => {
      renew(next);
      tell(`Version ${next.version} is saved`, 'It answers from the next call on.');
    },
    onError: (error) => {
      if (error instanceof ApiError && error.status === 422) setRefused(error.faults);
      if (error instanceof ApiError && error.status === 412) void reload();
      tellTrouble('Not saved', error);
    },
  });
  const form: Form = useMemo(
    () => ({
      draft: agent,
      faults,
      readOnly: !mayEdit,
      set: (pointer, value) => {
        setRefused(null);
        keep(saved.id, { base, agent: write(agent, pointer, value) });
      },
    }),
    [agent, faults, mayEdit, base, saved.id],
  );
  const remove = async () => {
    await send('DELETE', `/api/agents/${saved.id}`, undefined, { 'if-match': `"${saved.version}"` });
    keep(saved.id, null);
    await queries.invalidateQueries({ queryKey: ['agents'], exact: true });
    go('/agents');
    tell(`${saved.name ?? saved.id} is deleted`, 'Its versions stay, and can be restored by the API.');
  };
  const hasFault = (id: string) => faults.some(({ pointer }) => tabOf(pointer)?.id === id);
  return (
    <FormContext value={form}>
      <div className="page">
        <div className="page-head">
          <Link to="/agents" className="crumb">
            Agents
          </Link>
          <h1>{agent.name ?? USUAL_NAME}</h1>
          <code className="faint">{saved.id}</code>
          <span className="badge">Version {saved.version}</span>
          <div className="actions">
            {mayCall && (
              <Link to={`/test-call?agent=${saved.id}`} className={buttonClass()}>
                <PhoneCall aria-hidden="true" /> Talk to it
              </Link>
            )}
            {mayEdit && (
              <Confirm
                trigger={
                  <Button kind="danger">
                    <Trash2 aria-hidden="true" /> Delete
                  </Button>
                }
                title={`Delete ${saved.name ?? saved.id}?`}
                action="Delete"
                onConfirm={remove}
              >
                Its versions stay and can be restored. Calls that run keep it.
              </Confirm>
            )}
          </div>
        </div>
        <Faults faults={faults} onShow={show} />
        <Tabs.Root className="panel" value={tab} onValueChange={(value) => show(String(value))}>
          <Tabs.List className="tabs-list" activateOnFocus={false}>
            {TABS.map(({ id, name }) => (
              <Tabs.Tab key={id} value={id} className="tab">
                {name}
                {hasFault(id) && (
                  <span className="alert">
                    <span className="hidden-text"> has something to mend</span>
                  </span>
                )}
              </Tabs.Tab>
            ))}
            <Tabs.Tab value="yaml" className="tab">
              YAML
            </Tabs.Tab>
            <Tabs.Tab value="versions" className="tab">
              Versions
            </Tabs.Tab>
          </Tabs.List>
          {TABS.map(({ id, content }) => (
            <Tabs.Panel key={`${id} ${epoch}`} value={id}>
              {content()}
            </Tabs.Panel>
          ))}
          <Tabs.Panel value="yaml">
            <Yaml agent={saved} />
          </Tabs.Panel>
          <Tabs.Panel value="versions">
            <Versions
              id={saved.id}
              current={saved.version ?? 0}
              mayEdit={mayEdit}
              onRestored={(next) => {
                renew(next);
                tell(`Version ${next.version} is what it was before`);
              }}
            />
          </Tabs.Panel>
        </Tabs.Root>
        {draft && (
          <SaveBar
            isStale={isStale}
            faults={faults}
            isBusy={save.isPending}
            save={() => save.mutate()}
            discard={() => {
              keep(saved.id, null);
              setRefused(null);
              setEpoch((count) => count + 1);
            }}
          />
        )}
      </div>
    </FormContext>
  );
}

export default function AgentPage({ id }: { id: string }) {
  const agent = useQuery({
    queryKey: ['agents', 'one', id],
    queryFn: ({ signal }) => get<Agent>(`/api/agents/${encodeURIComponent(id)}`, signal),
  });
  if (agent.data) return <Editor saved={agent.data} reload={agent.refetch} />;
  if (agent.error instanceof ApiError && agent.error.status === 404) {
    return (
      <div className="page">
        <Empty icon={Bot} title="There is no such agent">
          <p>
            <Link to="/agents">All agents</Link>
          </p>
        </Empty>
      </div>
    );
  }
  return <div className="page">{agent.error ? <Trouble error={agent.error} again={() => void agent.refetch()} /> : <Waiting />}</div>;
}
