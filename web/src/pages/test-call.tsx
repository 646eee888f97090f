/** A call from this page, with nothing but a microphone: how a newcomer first talks to their agent. */
import './call.css';
import './test-call.css';
import { useQuery } from '@tanstack/react-query';
import { CircleAlert, Headphones, Info, Mic, MicOff, Phone, PhoneOff, RefreshCw, Volume2 } from 'lucide-react';
import { type ReactNode, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { get } from '../api/client';
import type { AgentTitle, TestCall as Opened } from '../api/types';
import { Transcript } from '../call/transcript';
import { USUAL_NAME } from '../lib/agent-name';
import { clock } from '../lib/format';
import { useNow } from '../lib/now';
import { Link, useSearch } from '../lib/router';
import { useMay } from '../lib/session';
import { useTitle } from '../lib/title';
import { useCall } from '../live/use';
import { useMicrophones } from '../phone/devices';
import { Keypad } from '../phone/keypad';
import { type Levels, type State, TestCall, type View } from '../phone/test-call';
import type { Trouble } from '../phone/trouble';
import { Select } from '../ui/choices';
import { Button, Field } from '../ui/controls';
import { Empty } from '../ui/feedback';

/** Who answers if nobody is named. */
const DEFAULT = 'default';

function useTestCall(): { phone: TestCall; view: View } {
  const phone = useMemo(() => new TestCall(), []);
  const view = useSyncExternalStore(phone.subscribe, phone.view);
  useEffect(() => {
    // Whoever goes to another page, or closes this one, hangs up.
    window.addEventListener('pagehide', phone.hangUp);
    return () => {
      window.removeEventListener('pagehide', phone.hangUp);
      phone.hangUp();
    };
  }, [phone]);
  return { phone, view };
}

function useAgents(): { choices: { value: string; label: string; hint?: string }[]; isReady: boolean } {
  const agents = useQuery({ queryKey: ['agents'], queryFn: ({ signal }) => get<{ agents: AgentTitle[] }>('/api/agents', signal) });
  const stored = agents.data?.agents ?? [];
  const isStored = stored.some(({ id }) => id === DEFAULT);
  const choices = [
    ...(isStored ? [] : [{ value: DEFAULT, label: USUAL_NAME, hint: 'of the environment' }]),
    ...stored.map(({ id, name }) => ({ value: id, label: name, hint: id })),
  ];
  return { choices, isReady: !agents.isPending };
}

function Meter({ phone, side, label, icon }: { phone: TestCall; side: keyof Levels; label: string; icon: ReactNode }) {
  const level = useSyncExternalStore(phone.subscribe, () => Math.round(phone.levels()[side] * 100));
  return (
    <div className={`meter ${side}`}>
      {icon}
      <span className="grow">{label}</span>
      <span className="scale" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={level}>
        <span style={{ transform: `scaleX(${level / 100})` }} />
      </span>
    </div>
  );
}

function Problem({ trouble }: { trouble: Trouble }) {
  return (
    <div className="notice bad" role="alert">
      <CircleAlert aria-hidden="true" />
      <div className="grow">
        <p>{trouble.what}</p>
        <p className="soft">→ {trouble.mend}</p>
      </div>
    </div>
  );
}

function Lasts({ sinceMs }: { sinceMs: number }) {
  return <span className="soft">{clock(useNow() - sinceMs)}</span>;
}

const STATES: Record<State, { name: string; tone: string }> = {
  idle: { name: 'Not connected', tone: '' },
  opening: { name: 'Calling…', tone: 'info' },
  connected: { name: 'Connected', tone: 'good' },
  reconnecting: { name: 'Coming back…', tone: 'warn' },
  over: { name: 'Over', tone: '' },
};

/** What a telephone call has and this one has not. */
function Differences({ call }: { call: Opened }) {
  if (!call.consent && !call.closed) return null;
  return (
    <div className="notice">
      <Info aria-hidden="true" />
      <div className="stack tight grow">
        {call.consent && <p>This call is recorded. On the telephone one hears first: “{call.consent}”</p>}
        {call.closed && <p>Nobody is there at this hour. On the telephone one would hear: “{call.closed}”</p>}
      </div>
    </div>
  );
}

function Spoken({ view }: { view: View }) {
  const { call } = view;
  if (!call) {
    return (
      <Empty icon={Headphones} title="Talk to your agent">
        <p>Press Call and say something. What is said appears here, while it is said. A headset keeps the agent from hearing itself.</p>
      </Empty>
    );
  }
  return <Words sid={call.call} isLive={view.state !== 'over'} />;
}

function Words({ sid, isLive }: { sid: string; isLive: boolean }) {
  const { detail } = useCall(sid);
  if (!detail) return <p className="transcript-empty faint">Nothing has been said yet.</p>;
  return <Transcript detail={detail} runs={[]} player={null} isLive={isLive} at={null} sought="" />;
}

/** The one that the browser takes if nobody chooses. */
const USUAL = '';

function Telephone({ phone, view }: { phone: TestCall; view: View }) {
  const { choices, isReady } = useAgents();
  const named = useSearch().get('agent') ?? DEFAULT;
  const [chosen, setChosen] = useState<string | null>(null);
  const [device, setDevice] = useState(USUAL);
  const microphones = useMicrophones(view.state);
  const mayCall = useMay('operator');
  const agent = chosen ?? (choices.some(({ value }) => value === named) ? named : DEFAULT);
  const isIdle = view.state === 'idle' || view.state === 'over';
  const { name, tone } = STATES[view.state];
  const change = (next: string) => {
    setDevice(next);
    if (!isIdle) void phone.takeMicrophone(next || null);
  };
  return (
    <section className="panel telephone" aria-label="Telephone">
      <header>
        <span className={`badge ${tone}`} role="status">
          {tone === 'good' && <span className="dot alive" />}
          {name}
        </span>
        {view.sinceMs !== null && !isIdle && <Lasts sinceMs={view.sinceMs} />}
      </header>
      <div className="body stack">
        <Field label="Agent">
          {(ids) => <Select ids={ids} value={agent} choices={choices} onChange={setChosen} disabled={!isIdle || !isReady} />}
        </Field>
        {microphones.length > 1 && (
          <Field label="Microphone">
            {(ids) => (
              <Select
                ids={ids}
                value={device}
                choices={[{ value: USUAL, label: 'As the browser chooses' }, ...microphones]}
                onChange={change}
              />
            )}
          </Field>
        )}
        {isIdle ? (
          <Button kind="primary" className="call" disabled={!mayCall || !isReady} onClick={() => void phone.start(agent, device || null)}>
            <Phone aria-hidden="true" /> {view.state === 'over' ? 'Call again' : 'Call'}
          </Button>
        ) : (
          <div className="row">
            <Button className="grow" aria-pressed={view.isMuted} onClick={() => phone.mute(!view.isMuted)}>
              {view.isMuted ? <MicOff aria-hidden="true" /> : <Mic aria-hidden="true" />} {view.isMuted ? 'Muted' : 'Mute'}
            </Button>
            <Button kind="danger-primary" className="grow" onClick={phone.hangUp}>
              <PhoneOff aria-hidden="true" /> Hang up
            </Button>
          </div>
        )}
        {!mayCall && <p className="soft small">Test calls are for operators: they cost what any call costs.</p>}
        <div className="stack tight">
          <Meter phone={phone} side="caller" label="You" icon={<Mic aria-hidden="true" />} />
          <Meter phone={phone} side="agent" label="The agent" icon={<Volume2 aria-hidden="true" />} />
        </div>
        <Keypad disabled={view.state !== 'connected'} press={(key) => phone.press(key)} />
      </div>
    </section>
  );
}

export default function TestCallPage() {
  const { phone, view } = useTestCall();
  useTitle('Test call');
  return (
    <div className="page">
      <div className="page-head">
        <h1>Test call</h1>
        <p>Through this browser, by the way that every call takes. Nothing is dialled, and the model costs what it always does.</p>
      </div>
      {view.trouble && <Problem trouble={view.trouble} />}
      {view.state === 'reconnecting' && (
        <div className="notice warn late" role="status">
          <RefreshCw aria-hidden="true" />
          <p>The connection was lost. The agent waits a quarter of a minute for it to come back.</p>
        </div>
      )}
      {view.call && <Differences call={view.call} />}
      <div className="test-call">
        <Telephone phone={phone} view={view} />
        <section className="panel" aria-label="What is said">
          <header>
            <h2>What is said</h2>
            {view.call && (
              <Link className="small" to={`/calls/${view.call.call}`} onClick={(event) => keepTalking(event, view.state)}>
                {view.state === 'over' ? 'Listen to the recording' : 'All about this call'}
              </Link>
            )}
          </header>
          <Spoken view={view} />
        </section>
      </div>
    </div>
  );
}

/** Whoever leaves this page hangs up: while the call lasts, the call's own page opens beside it. */
function keepTalking(event: React.MouseEvent<HTMLAnchorElement>, state: State): void {
  if (state === 'over') return;
  event.preventDefault();
  window.open(event.currentTarget.href, '_blank', 'noopener');
}
