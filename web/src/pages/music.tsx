/** What callers hear while they wait: the pieces there are, who plays them, and more of them. */
import './music.css';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleAlert, FileMusic, Pause, Play, Trash2, Upload } from 'lucide-react';
import { type DragEvent, useEffect, useRef, useState } from 'react';
import { ask, get, send } from '../api/client';
import type { Agent, AgentTitle, MusicFile, MusicStatus } from '../api/types';
import { bytes, clock, moment } from '../lib/format';
import { useNow } from '../lib/now';
import { Link } from '../lib/router';
import { useMay } from '../lib/session';
import { useTitle } from '../lib/title';
import { uploadMusic } from '../lib/upload';
import { Select } from '../ui/choices';
import { Button, IconButton } from '../ui/controls';
import { Confirm } from '../ui/dialogs';
import { Empty, tell, tellTrouble, Trouble, Waiting } from '../ui/feedback';

const BUILT_IN = 'built-in';

interface Job {
  id: number;
  name: string;
  share: number;
  fault: string | null;
}

let jobs = 0;

function useUploads(status: MusicStatus | undefined) {
  const queries = useQueryClient();
  const [running, setRunning] = useState<Job[]>([]);
  const update = (id: number, change: Partial<Job>) =>
    setRunning((all) => all.map((job) => (job.id === id ? { ...job, ...change } : job)));
  const close = (id: number) => setRunning((all) => all.filter((job) => job.id !== id));
  const upload = async (file: File) => {
    const id = ++jobs;
    setRunning((all) => [...all, { id, name: file.name, share: 0, fault: null }]);
    try {
      const title = file.name.replace(/\.[^.]+$/, '');
      const made = await uploadMusic(file, title, status?.limits.bytes_in_a_request ?? 0, (share) => update(id, { share }));
      tell(`“${made.title}” is there`, `${clock(made.length_ms)}, brought to ${status?.loudness_lufs ?? ''} LUFS`);
      close(id);
      await queries.invalidateQueries({ queryKey: ['music'] });
    } catch (error) {
      update(id, { fault: error instanceof Error ? error.message : String(error) });
    }
  };
  return { running, upload, close };
}

/** One piece sounds at a time. */
function useListening() {
  const audio = useRef<HTMLAudioElement | null>(null);
  const [playing, setPlaying] = useState<string | null>(null);
  const stop = () => {
    if (audio.current) {
      audio.current.pause();
      if (audio.current.src.startsWith('blob:')) URL.revokeObjectURL(audio.current.src);
    }
    audio.current = null;
    setPlaying(null);
  };
  useEffect(() => () => audio.current?.pause(), []);
  const toggle = async (id: string) => {
    const isThis = playing === id;
    stop();
    if (isThis) return;
    try {
      const path = id === BUILT_IN ? '/hold-music/built-in' : `/hold-music/files/${id}`;
      const element = new Audio(URL.createObjectURL(await (await ask(path)).blob()));
      element.addEventListener('ended', stop);
      audio.current = element;
      setPlaying(id);
      await element.play();
    } catch (error) {
      stop();
      tellTrouble('This cannot be played', error);
    }
  };
  return { playing, toggle };
}

interface ListenProps {
  id: string;
  title: string;
  listening: ReturnType<typeof useListening>;
}

function Listen({ id, title, listening }: ListenProps) {
  const isPlaying = listening.playing === id;
  return (
    <IconButton label={isPlaying ? `Stop ${title}` : `Listen to ${title}`} onClick={() => void listening.toggle(id)}>
      {isPlaying ? <Pause aria-hidden="true" /> : <Play aria-hidden="true" />}
    </IconButton>
  );
}

function Jobs({ running, close }: { running: Job[]; close: (id: number) => void }) {
  if (running.length === 0) return null;
  return (
    <ul className="panel jobs" aria-label="Uploads">
      {running.map(({ id, name, share, fault }) => (
        <li key={id}>
          <div className="row">
            <span className="grow truncate">{name}</span>
            {fault ? (
              <Button size="small" onClick={() => close(id)}>
                Close
              </Button>
            ) : (
              <span className="faint small">{share < 1 ? `${Math.round(share * 100)} %` : 'is made into hold music …'}</span>
            )}
          </div>
          {fault ? (
            <p className="fault" role="alert">
              <CircleAlert aria-hidden="true" /> {fault}
            </p>
          ) : (
            <progress className="bar" max={1} value={share} aria-label={`Upload of ${name}`} />
          )}
        </li>
      ))}
    </ul>
  );
}

/** Each agent's choice is part of the agent, so that a change of it is a version of the agent. */
function Choices({ files }: { files: MusicFile[] }) {
  const queries = useQueryClient();
  const titles = useQuery({ queryKey: ['agents'], queryFn: ({ signal }) => get<{ agents: AgentTitle[] }>('/api/agents', signal) });
  const ids = titles.data?.agents.map(({ id }) => id) ?? [];
  const agents = useQuery({
    queryKey: ['agents', 'whole', ids],
    queryFn: ({ signal }) => Promise.all(ids.map((id) => get<Agent>(`/api/agents/${id}`, signal))),
    enabled: ids.length > 0,
    placeholderData: (before) => before,
  });
  const mayEdit = useMay('admin');
  const choices = [
    { value: BUILT_IN, label: 'Built-in piece' },
    { value: 'none', label: 'Silence' },
    ...files.map(({ id, title }) => ({ value: id, label: title })),
  ];
  const choose = async (agent: Agent, hold_music: string) => {
    try {
      await send('PUT', `/api/agents/${agent.id}`, { ...agent, hold_music }, { 'if-match': `"${agent.version}"` });
      tell(`${agent.name ?? agent.id} plays something else from the next call on`);
    } catch (error) {
      tellTrouble('That was not saved', error);
    }
    await queries.invalidateQueries({ queryKey: ['agents'] });
  };
  if (!agents.data || agents.data.length === 0) return null;
  return (
    <section className="panel" aria-labelledby="who-plays">
      <header>
        <h2 id="who-plays">Who plays what</h2>
      </header>
      <table className="table">
        <tbody>
          {agents.data.map((agent) => {
            const chosen = agent.hold_music ?? BUILT_IN;
            const isGone = !choices.some(({ value }) => value === chosen);
            return (
              <tr key={agent.id}>
                <td>
                  <Link to={`/agents/${agent.id}`} className="main">
                    {agent.name ?? agent.id}
                  </Link>
                </td>
                <td className="number">
                  <Select
                    label={`Hold music of ${agent.name ?? agent.id}`}
                    value={chosen}
                    disabled={!mayEdit}
                    choices={isGone ? [{ value: chosen, label: 'Deleted: built-in piece' }, ...choices] : choices}
                    onChange={(value) => void choose(agent, value)}
                  />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function Files({ files, status }: { files: MusicFile[]; status: MusicStatus }) {
  const queries = useQueryClient();
  const listening = useListening();
  const now = useNow();
  const mayEdit = useMay('admin');
  return (
    <section className="panel" aria-label="Pieces">
      <table className="table cards">
        <thead>
          <tr>
            <th>Piece</th>
            <th className="number">Length</th>
            <th>Came as</th>
            <th className="number">Added</th>
            <th>
              <span className="hidden-text">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <td>
              <span className="row">
                <Listen id={BUILT_IN} title="the built-in piece" listening={listening} />
                <span className="main">Built-in piece</span>
              </span>
            </td>
            <td className="number below">{clock(status.built_in.length_ms)}</td>
            <td className="faint optional">with the bridge</td>
            <td className="optional" />
            <td className="optional" />
          </tr>
          {files.map((file) => (
            <tr key={file.id}>
              <td>
                <span className="row">
                  <Listen id={file.id} title={file.title} listening={listening} />
                  <span className="main">{file.title}</span>
                </span>
              </td>
              <td className="number below">{clock(file.length_ms)}</td>
              <td className="soft optional">
                {file.source.format.toUpperCase()}, {bytes(file.source.bytes)}{' · '}
                <span className="faint">
                  {file.loudness_lufs.toFixed(1)} LUFS, {file.gain_db >= 0 ? '+' : ''}
                  {file.gain_db.toFixed(1)} dB
                </span>
              </td>
              <td className="number soft optional">{moment(file.uploaded_at_ms, now)}</td>
              <td className="number end corner">
                {mayEdit && (
                  <Confirm
                    trigger={
                      <IconButton label={`Delete ${file.title}`}>
                        <Trash2 aria-hidden="true" />
                      </IconButton>
                    }
                    title={`Delete “${file.title}”?`}
                    action="Delete"
                    onConfirm={async () => {
                      await send('DELETE', `/hold-music/files/${file.id}`);
                      await queries.invalidateQueries({ queryKey: ['music'] });
                    }}
                  >
                    Calls that run keep it. Agents that play it play the built-in piece from the next call on.
                  </Confirm>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export default function MusicPage() {
  const status = useQuery({ queryKey: ['music', 'status'], queryFn: ({ signal }) => get<MusicStatus>('/hold-music/status', signal) });
  const files = useQuery({ queryKey: ['music', 'files'], queryFn: ({ signal }) => get<{ files: MusicFile[] }>('/hold-music/files', signal) });
  const { running, upload, close } = useUploads(status.data);
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const mayEdit = useMay('admin');
  useTitle('Hold music');
  const take = (list: FileList | null) => {
    for (const file of list ?? []) void upload(file);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  const error = status.error ?? files.error;
  const limits = status.data?.limits;
  return (
    <div className="page">
      <div className="page-head">
        <h1>Hold music</h1>
        <p>What callers hear while a tool works or the model is away. Each agent says which piece it plays.</p>
      </div>
      {error && <Trouble error={error} again={() => void files.refetch()} />}
      {mayEdit && limits && (
        // oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- dropping is a shortcut for the button within
        <div
          className={`drop ${isOver ? 'over' : ''}`}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          <FileMusic aria-hidden="true" />
          <div className="grow">
            <p>Drop audio files here</p>
            <p className="faint small">
              {status.data?.formats.map((format) => format.toUpperCase()).join(', ')} up to {bytes(limits.bytes)},{' '}
              {clock(limits.longest_ms)} at most
            </p>
          </div>
          <input
            ref={input}
            type="file"
            accept="audio/*,.wav,.mp3,.flac,.ogg"
            multiple
            hidden
            aria-label="Audio files"
            onChange={({ target }) => {
              take(target.files);
              target.value = '';
            }}
          />
          <Button kind="primary" onClick={() => input.current?.click()}>
            <Upload aria-hidden="true" /> Upload
          </Button>
        </div>
      )}
      <Jobs running={running} close={close} />
      {(status.isPending || files.isPending) && <Waiting />}
      {status.data && files.data && <Files files={files.data.files} status={status.data} />}
      {files.data?.files.length === 0 && !mayEdit && <Empty icon={FileMusic} title="Nothing was uploaded" />}
      {files.data && <Choices files={files.data.files} />}
    </div>
  );
}
