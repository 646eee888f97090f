/** What an agent can do besides talking. */
import { useQuery } from '@tanstack/react-query';
import { Pencil, Plus, X } from 'lucide-react';
import { useState } from 'react';
import { get } from '../api/client';
import type { Fault as ServerFault, McpServer, OwnTool, ToolSpec } from '../api/types';
import { Checkbox } from '../ui/choices';
import { Button, Fault, Field, IconButton } from '../ui/controls';
import { faultsAt, Section, TextField, useField, useForm } from './form';
import { blankTool, ToolEditor } from './tool-editor';

function BuiltIn() {
  const { own, faults, readOnly, change } = useField<string[]>('/tools', true);
  const all = useQuery({ queryKey: ['tools'], queryFn: ({ signal }) => get<{ tools: ToolSpec[] }>('/tools', signal), staleTime: Infinity });
  const chosen = own ?? [];
  const specs = all.data?.tools ?? [];
  const unknown = chosen.filter((name) => !specs.some((spec) => spec.name === name));
  const toggle = (name: string, on: boolean) => {
    if (!readOnly) change(on ? [...chosen, name] : chosen.filter((other) => other !== name));
  };
  return (
    <Section title="Built in">
      <ul className="tool-grid">
        {specs.map(({ name, description }) => (
          <li key={name}>
            <Checkbox label={<code>{name}</code>} hint={description} checked={chosen.includes(name)} onChange={(on) => toggle(name, on)} />
          </li>
        ))}
        {all.data &&
          unknown.map((name) => (
            <li key={name}>
              <Checkbox label={<code>{name}</code>} hint="This build has no such tool." checked onChange={() => toggle(name, false)} />
            </li>
          ))}
      </ul>
      {faults.map((fault) => (
        <Fault key={fault}>{fault}</Fault>
      ))}
    </Section>
  );
}

/** A tool's own faults, at their places within it. */
function within(faults: ServerFault[], at: number): ServerFault[] {
  const place = `#/own_tools/${at}`;
  return faults
    .filter(({ pointer }) => pointer === place || pointer.startsWith(`${place}/`))
    .map(({ pointer, detail }) => ({ pointer: `#${pointer.slice(place.length)}`, detail }));
}

function summary({ target }: OwnTool): string {
  return target.type === 'http' ? `${target.method} ${target.url}` : target.arn;
}

function OwnTools() {
  const { own, readOnly, change } = useField<OwnTool[]>('/own_tools');
  const { faults } = useForm();
  const [edited, setEdited] = useState<number | null>(null);
  const tools = own ?? [];
  const save = (tool: OwnTool) => {
    change(edited === tools.length ? [...tools, tool] : tools.map((other, at) => (at === edited ? tool : other)));
    setEdited(null);
  };
  const remove = (at: number) => change(tools.length > 1 ? tools.filter((_, other) => other !== at) : undefined);
  return (
    <Section title="Your own" hint="An HTTP request or a Lambda function, behind a guard.">
      {faultsAt(faults, '/own_tools', false).map((fault) => (
        <Fault key={fault}>{fault}</Fault>
      ))}
      <ul className="stack tight">
        {tools.map((tool, at) => {
          const its = within(faults, at);
          return (
            // oxlint-disable-next-line react/no-array-index-key -- a tool is its place in the list
            <li key={at} className="card own-tool">
              <div className="row">
                <div className="grow">
                  <p className="row wrap">
                    <code>{tool.name || 'unnamed'}</code>
                    {its.length > 0 && <span className="badge bad">{its.length} to mend</span>}
                  </p>
                  <p className="soft small">{tool.description}</p>
                  <p className="faint small mono truncate">{summary(tool)}</p>
                </div>
                {!readOnly && (
                  <>
                    <IconButton label={`Edit ${tool.name}`} onClick={() => setEdited(at)}>
                      <Pencil aria-hidden="true" />
                    </IconButton>
                    <IconButton label={`Remove ${tool.name}`} onClick={() => remove(at)}>
                      <X aria-hidden="true" />
                    </IconButton>
                  </>
                )}
              </div>
            </li>
          );
        })}
      </ul>
      {!readOnly && (
        <div>
          <Button size="small" onClick={() => setEdited(tools.length)}>
            <Plus aria-hidden="true" /> Add a tool
          </Button>
        </div>
      )}
      {edited !== null && (
        <ToolEditor
          tool={tools[edited] ?? blankTool()}
          isNew={edited === tools.length}
          faults={within(faults, edited)}
          onSave={save}
          onClose={() => setEdited(null)}
        />
      )}
    </Section>
  );
}

function Allowed({ at }: { at: number }) {
  const { own, readOnly, change } = useField<string[]>(`/mcp_servers/${at}/allowed_tools`);
  const [text, setText] = useState((own ?? []).join(', '));
  return (
    <Field label="Only these of its tools" hint="Names with commas between them; empty: all.">
      {(ids) => (
        <input
          {...ids}
          className="input mono"
          value={text}
          readOnly={readOnly}
          onChange={({ target }) => {
            setText(target.value);
            const names = target.value.split(',').map((name) => name.trim()).filter(Boolean);
            change(names.length > 0 ? names : undefined);
          }}
        />
      )}
    </Field>
  );
}

function Servers() {
  const { own, faults, readOnly, change } = useField<McpServer[]>('/mcp_servers');
  const servers = own ?? [];
  return (
    <Section title="MCP servers" hint="Called by the model’s vendor, without a question.">
      {faults.map((fault) => (
        <Fault key={fault}>{fault}</Fault>
      ))}
      <ul className="stack">
        {servers.map((server, at) => (
          // oxlint-disable-next-line react/no-array-index-key -- a server is its place in the list
          <li key={at} className="card stack">
            <div className="columns">
              <TextField pointer={`/mcp_servers/${at}/label`} label="Label" />
              <TextField pointer={`/mcp_servers/${at}/url`} label="Address" mono />
              <TextField pointer={`/mcp_servers/${at}/description`} label="What it is for" optional />
              <Allowed at={at} />
            </div>
            {!readOnly && (
              <div>
                <Button
                  size="small"
                  kind="danger"
                  onClick={() => change(servers.length > 1 ? servers.filter((_, other) => other !== at) : undefined)}
                >
                  <X aria-hidden="true" /> Remove {server.label || 'this'}
                </Button>
              </div>
            )}
          </li>
        ))}
      </ul>
      {!readOnly && (
        <div>
          <Button size="small" onClick={() => change([...servers, { label: '', url: '' }])}>
            <Plus aria-hidden="true" /> Add a server
          </Button>
        </div>
      )}
    </Section>
  );
}

export function Tools() {
  return (
    <>
      <BuiltIn />
      <OwnTools />
      <Servers />
    </>
  );
}
