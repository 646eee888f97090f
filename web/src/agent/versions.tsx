/** What an agent was: every version, what differs from now, and the way back. */
import { useQuery } from '@tanstack/react-query';
import { History } from 'lucide-react';
import { useState } from 'react';
import { ask, get, send } from '../api/client';
import type { Agent, AgentTitle } from '../api/types';
import { diff, hunks } from '../lib/diff';
import { exactly, moment } from '../lib/format';
import { useNow } from '../lib/now';
import { Button } from '../ui/controls';
import { Confirm } from '../ui/dialogs';
import { Trouble, Waiting } from '../ui/feedback';

async function yamlOf(id: string, version: number, signal: AbortSignal): Promise<string> {
  const path = `/api/agents/${id}/versions/${version}`;
  return (await ask(path, { headers: { accept: 'application/yaml' }, signal })).text();
}

function useYaml(id: string, version: number) {
  return useQuery({
    queryKey: ['yaml', id, version],
    queryFn: ({ signal }) => yamlOf(id, version, signal),
    // A version is never changed.
    staleTime: Infinity,
  });
}

const SIGNS = { same: ' ', added: '+', removed: '−' };

function Difference({ id, from, to }: { id: string; from: number; to: number }) {
  const [before, after] = [useYaml(id, from), useYaml(id, to)];
  const error = before.error ?? after.error;
  if (error) return <Trouble error={error} />;
  if (before.data === undefined || after.data === undefined) return <Waiting />;
  const lines = hunks(diff(before.data, after.data));
  if (lines.length === 0) return <p className="faint diff-empty">Nothing differs.</p>;
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls can be scrolled by keys
    <div className="diff" tabIndex={0} role="region" aria-label={`Changes from version ${from} to version ${to}`}>
      <ol>
        {lines.map((line, at) =>
          line ? (
            <li key={`${line.before} ${line.after}`} className={line.kind}>
              <span className="sign">
                {SIGNS[line.kind]}
                {line.kind !== 'same' && <span className="hidden-text">{line.kind}</span>}
              </span>
              <code>{line.text}</code>
            </li>
          ) : (
            // oxlint-disable-next-line react/no-array-index-key -- a gap is its place
            <li key={`gap ${at}`} className="gap" aria-label="Lines that did not change">
              ⋯
            </li>
          ),
        )}
      </ol>
    </div>
  );
}

interface VersionsProps {
  id: string;
  current: number;
  mayEdit: boolean;
  onRestored: (agent: Agent) => void;
}

export function Versions({ id, current, mayEdit, onRestored }: VersionsProps) {
  const now = useNow();
  const versions = useQuery({
    queryKey: ['versions', id, current],
    queryFn: ({ signal }) => get<{ versions: AgentTitle[] }>(`/api/agents/${id}/versions`, signal),
  });
  const list = versions.data?.versions ?? [];
  const [picked, setPicked] = useState<number | null>(null);
  const chosen = picked ?? list.find(({ version }) => version < current)?.version ?? current;
  if (versions.error) return <Trouble error={versions.error} />;
  if (versions.isPending) return <Waiting />;
  const restore = async () => {
    onRestored(await send<Agent>('POST', `/api/agents/${id}/restore`, { version: chosen }, { 'if-match': `"${current}"` }));
  };
  return (
    <div className="versions">
      <ul>
        {list.map(({ version, saved_at_ms }) => (
          <li key={version}>
            <button type="button" aria-pressed={version === chosen} onClick={() => setPicked(version)}>
              <span>
                Version {version} {version === current && <span className="badge good">now</span>}
              </span>
              <span className="faint small" title={exactly(saved_at_ms)}>
                {moment(saved_at_ms, now)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <section className="stack">
        <div className="row wrap">
          <h2 className="grow">
            {chosen === current ? `Version ${current}, as it is now` : `From version ${chosen} to now (version ${current})`}
          </h2>
          {mayEdit && chosen !== current && (
            <Confirm
              trigger={
                <Button size="small">
                  <History aria-hidden="true" /> Restore version {chosen}
                </Button>
              }
              title={`Restore version ${chosen}?`}
              action="Restore"
              onConfirm={restore}
            >
              It becomes version {current + 1}, and answers from the next call on.
            </Confirm>
          )}
        </div>
        {chosen !== current && <Difference id={id} from={chosen} to={current} />}
      </section>
    </div>
  );
}
