/** What an operator does to a call that runs. The relay is told, and what came of it is in the call's events. */
import { Menu } from '@base-ui/react/menu';
import { useQuery } from '@tanstack/react-query';
import { Bot, Circle, CirclePause, Ellipsis, FilePen, Headphones, Pause, PhoneForwarded, PhoneOff, Play } from 'lucide-react';
import { type FormEvent, useEffect, useState } from 'react';
import { ApiError, get, send } from '../api/client';
import type { AgentTitle, Call } from '../api/types';
import { agentName } from '../lib/agent-name';
import { moment } from '../lib/format';
import type { Summary } from '../lib/summary';
import { Speakers } from '../live/listening';
import { live, useConnection } from '../live/use';
import { Select } from '../ui/choices';
import { Button, buttonClass, Field } from '../ui/controls';
import { Confirm, Dialog } from '../ui/dialogs';
import { tell, tellTrouble } from '../ui/feedback';

async function command(call: Call, path: string, done: string, json?: unknown): Promise<void> {
  await send('POST', path, json);
  tell(done);
  live.refresh(call.sid);
}

function useCommand(call: Call) {
  const [busy, setBusy] = useState<string | null>(null);
  const run = async (what: string, done: string) => {
    setBusy(what);
    try {
      await command(call, `/api/calls/${call.sid}/${what}`, done);
    } catch (error) {
      tellTrouble('That did not work', error);
    } finally {
      setBusy(null);
    }
  };
  return { busy, run };
}

function faultsOf(error: unknown): string[] {
  if (error instanceof ApiError && error.faults.length > 0) return error.faults.map(({ detail }) => detail);
  return [error instanceof Error ? error.message : String(error)];
}

const ANY_NUMBER = '';

function TransferDialog({ call, onClose }: { call: Call; onClose: () => void }) {
  const { transfer_targets: targets = [], transfer_to_any_number: anywhere = false } = call.agent;
  const [target, setTarget] = useState(targets[0]?.name ?? ANY_NUMBER);
  const [number, setNumber] = useState('');
  const [why, setWhy] = useState('');
  const [fault, setFault] = useState<string[]>([]);
  const [isBusy, setBusy] = useState(false);
  const choices = [
    ...targets.map(({ name, kind = 'cold' }) => ({ value: name, label: name, hint: kind })),
    ...(anywhere ? [{ value: ANY_NUMBER, label: 'Another number' }] : []),
  ];
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      const to = target === ANY_NUMBER ? number.trim() : target;
      await command(call, `/api/calls/${call.sid}/transfer`, `Putting the caller through`, { to, why });
      onClose();
    } catch (error) {
      setFault([error instanceof Error ? error.message : String(error)]);
    } finally {
      setBusy(false);
    }
  };
  if (choices.length === 0) {
    return (
      <Dialog open onClose={onClose} title="Transfer">
        <p className="soft">This agent has nobody to put callers through to. Transfer targets are part of the agent.</p>
      </Dialog>
    );
  }
  return (
    <Dialog open onClose={onClose} title="Transfer the caller">
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <Field label="To" faults={fault}>
          {(ids) => <Select ids={ids} value={target} choices={choices} onChange={setTarget} />}
        </Field>
        {target === ANY_NUMBER && (
          <Field label="Number" hint="With its country: +4930123456">
            {(ids) => (
              <input {...ids} className="input" type="tel" required value={number} onChange={(e) => setNumber(e.target.value)} />
            )}
          </Field>
        )}
        <Field label="What it is about" hint="For whoever is called, if they are asked first.">
          {(ids) => <textarea {...ids} className="input" maxLength={600} value={why} onChange={(e) => setWhy(e.target.value)} />}
        </Field>
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={isBusy}>
            Transfer
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function AgentDialog({ call, onClose }: { call: Call; onClose: () => void }) {
  const [agent, setAgent] = useState(call.agent.id);
  const [version, setVersion] = useState('newest');
  const [fault, setFault] = useState<string[]>([]);
  const agents = useQuery({ queryKey: ['agents'], queryFn: ({ signal }) => get<{ agents: AgentTitle[] }>('/api/agents', signal) });
  const versions = useQuery({
    queryKey: ['versions', agent],
    queryFn: ({ signal }) => get<{ versions: AgentTitle[] }>(`/api/agents/${agent}/versions`, signal),
    enabled: agents.data?.agents.some(({ id }) => id === agent) ?? false,
  });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const json = { agent, ...(version === 'newest' ? {} : { version: Number(version) }) };
      await command(call, `/api/calls/${call.sid}/agent`, 'The model is told', json);
      onClose();
    } catch (error) {
      setFault([error instanceof Error ? error.message : String(error)]);
    }
  };
  const stored = agents.data?.agents ?? [];
  const isStored = stored.some(({ id }) => id === agent);
  const choices = [
    ...(isStored ? [] : [{ value: agent, label: `${agentName(call)} (not stored)` }]),
    ...stored.map(({ id, name }) => ({ value: id, label: name, hint: id })),
  ];
  return (
    <Dialog
      open
      onClose={onClose}
      title="Change the agent of this call"
      description="Everything changes but the voice, the model and what is recorded. The next call is not affected."
    >
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <Field label="Agent" faults={fault}>
          {(ids) => (
            <Select
              ids={ids}
              value={agent}
              choices={choices}
              onChange={(id) => {
                setAgent(id);
                setVersion('newest');
              }}
            />
          )}
        </Field>
        <Field label="Version">
          {(ids) => (
            <Select
              ids={ids}
              value={version}
              choices={[
                { value: 'newest', label: 'As it is now' },
                ...(versions.data?.versions ?? []).map((saved) => ({
                  value: String(saved.version),
                  label: `Version ${saved.version}`,
                  hint: moment(saved.saved_at_ms, Date.now()),
                })),
              ]}
              onChange={setVersion}
            />
          )}
        </Field>
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" disabled={!isStored}>
            Change
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** For this call alone: the agent itself stays as it is. */
function InstructionsDialog({ call, onClose }: { call: Call; onClose: () => void }) {
  const [instructions, setInstructions] = useState(call.agent.instructions ?? '');
  const [fault, setFault] = useState<string[]>([]);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await command(call, `/api/calls/${call.sid}/agent`, 'The model is told', { instructions });
      onClose();
    } catch (error) {
      setFault(faultsOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title="Instructions of this call"
      description="The agent follows them from its next answer on, in this call and in no other."
    >
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <Field label="Instructions" faults={fault}>
          {(ids) => (
            <textarea {...ids} className="input tall" rows={12} required value={instructions} onChange={(e) => setInstructions(e.target.value)} />
          )}
        </Field>
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={isBusy}>
            Change
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Sound travels by the socket alone: where there is none, nobody listens. */
function ListenIn({ call }: { call: Call }) {
  const { state } = useConnection();
  const [isListening, setListening] = useState(false);
  useEffect(() => {
    if (!isListening) return;
    const speakers = new Speakers();
    const leave = live.listen(call.sid, (sounding) => speakers.hear(sounding));
    return () => {
      leave();
      speakers.stop();
    };
  }, [isListening, call.sid]);
  if (state !== 'open' && !isListening) return null;
  return (
    <Button aria-pressed={isListening} kind={isListening ? 'primary' : 'plain'} onClick={() => setListening(!isListening)}>
      <Headphones aria-hidden="true" /> {isListening ? 'Listening' : 'Listen'}
    </Button>
  );
}

export function Controls({ call, sum }: { call: Call; sum: Summary }) {
  const { busy, run } = useCommand(call);
  const [dialog, setDialog] = useState<'transfer' | 'agent' | 'instructions' | null>(null);
  const { enabled: records = true, may_pause: mayPause = true } = call.agent.recording ?? {};
  return (
    <div className="controls">
      <ListenIn call={call} />
      {sum.onHold ? (
        <Button busy={busy === 'resume'} onClick={() => void run('resume', 'Off hold')}>
          <Play aria-hidden="true" /> Resume
        </Button>
      ) : (
        <Button busy={busy === 'hold'} onClick={() => void run('hold', 'On hold')}>
          <Pause aria-hidden="true" /> Hold
        </Button>
      )}
      <Button onClick={() => setDialog('transfer')}>
        <PhoneForwarded aria-hidden="true" /> Transfer
      </Button>
      <Menu.Root modal={false}>
        <Menu.Trigger className={buttonClass('plain', 'icon')} aria-label="More">
          <Ellipsis aria-hidden="true" />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner className="positioner" sideOffset={4} align="end">
            <Menu.Popup className="popup">
              {records && mayPause && (
                <Menu.Item
                  className="option"
                  onClick={() =>
                    void (sum.recordingPaused
                      ? run('recording/resume', 'Recording goes on')
                      : run('recording/pause', 'Nothing is kept until you resume'))
                  }
                >
                  {sum.recordingPaused ? <Circle aria-hidden="true" /> : <CirclePause aria-hidden="true" />}
                  {sum.recordingPaused ? 'Resume recording' : 'Pause recording'}
                </Menu.Item>
              )}
              <Menu.Item className="option" onClick={() => setDialog('instructions')}>
                <FilePen aria-hidden="true" /> Edit instructions
              </Menu.Item>
              <Menu.Item className="option" onClick={() => setDialog('agent')}>
                <Bot aria-hidden="true" /> Change agent
              </Menu.Item>
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
      <Confirm
        trigger={
          <Button kind="danger">
            <PhoneOff aria-hidden="true" /> Hang up
          </Button>
        }
        title="Hang up on this caller?"
        action="Hang up"
        onConfirm={() => command(call, `/calls/${call.sid}/hangup`, 'Hanging up')}
      >
        The call ends at once, without a goodbye.
      </Confirm>
      {dialog === 'transfer' && <TransferDialog call={call} onClose={() => setDialog(null)} />}
      {dialog === 'instructions' && <InstructionsDialog call={call} onClose={() => setDialog(null)} />}
      {dialog === 'agent' && <AgentDialog call={call} onClose={() => setDialog(null)} />}
    </div>
  );
}
