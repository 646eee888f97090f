/** One call: while it runs as it is spoken, afterwards with its recording. */
import './call.css';
import { Tabs } from '@base-ui/react/tabs';
import { useQuery } from '@tanstack/react-query';
import { PhoneMissed, UserX } from 'lucide-react';
import { useMemo } from 'react';
import { ApiError, get, send } from '../api/client';
import type { Call, Message, ToolRun } from '../api/types';
import { Composer } from '../call/composer';
import { Controls } from '../call/controls';
import { Exports } from '../call/exports';
import { Overview } from '../call/overview';
import { PlayerBar, usePlayer, useRecording } from '../call/player';
import { Raw, Timeline } from '../call/timeline';
import { Transcript } from '../call/transcript';
import { clock, phone, sentence } from '../lib/format';
import { useNow } from '../lib/now';
import { lastSearch } from '../lib/last-search';
import { go, Link, useSearch } from '../lib/router';
import { useMay } from '../lib/session';
import { type Summary, summarize } from '../lib/summary';
import { useTitle } from '../lib/title';
import type { Detail } from '../live/entries';
import { useCall } from '../live/use';
import { Button } from '../ui/controls';
import { Confirm } from '../ui/dialogs';
import { Empty, tell, Trouble, Waiting } from '../ui/feedback';

function Lasts({ call, sum }: { call: Call; sum: Summary }) {
  const now = useNow();
  const ms = call.status.status === 'ended' ? sum.lastedMs : now - call.began_at_ms;
  return ms === null ? null : <span className="soft">{clock(ms)}</span>;
}

function State({ call, sum }: { call: Call; sum: Summary }) {
  const { status } = call;
  if (status.status === 'ended') {
    const isBad = status.ending === 'model_unavailable' || status.ending === 'abandoned';
    return <span className={`badge ${isBad ? 'bad' : ''}`}>{sentence(status.ending)}</span>;
  }
  const isRinging = status.status === 'ringing';
  return (
    <>
      <span className={`badge ${isRinging ? 'info' : 'good'}`}>
        <span className="dot alive" /> {isRinging ? 'Ringing' : 'Live'}
      </span>
      {sum.onHold && <span className="badge warn">On hold</span>}
      {sum.recordingPaused && <span className="badge warn">Recording paused</span>}
    </>
  );
}

interface Erased {
  erased: number;
  running: string[];
  remaining: boolean;
}

function EraseCaller({ call }: { call: Call }) {
  const erase = async () => {
    let erased = 0;
    for (;;) {
      const done = await send<Erased>('DELETE', `/api/callers/${encodeURIComponent(call.from)}`);
      erased += done.erased;
      if (!done.remaining) break;
    }
    tell(`${erased} calls erased`);
    go('/calls');
  };
  return (
    <Confirm
      trigger={
        <Button kind="danger">
          <UserX aria-hidden="true" /> Erase caller
        </Button>
      }
      title={`Erase everything about ${call.from}?`}
      action="Erase"
      onConfirm={erase}
    >
      Every call from or to this number goes: transcripts, messages and recordings. Nobody can bring them back.
    </Confirm>
  );
}

const NUMBER = /^\+\d{2,15}$/;

/** Where in the call somebody is led to, and the words that were looked for. */
function usePlace(): { at: number | null; sought: string } {
  const search = useSearch();
  const at = Number(search.get('at') ?? 'none');
  return { at: Number.isFinite(at) && at >= 0 ? at : null, sought: search.get('q') ?? '' };
}

function Whole({ detail }: { detail: Detail }) {
  const { call } = detail;
  const sum = useMemo(() => summarize(detail.events), [detail.events]);
  const isOver = call.status.status === 'ended';
  const isOnLine = call.status.status === 'in_progress';
  const records = call.agent.recording?.enabled ?? true;
  const endedAt = isOver && records ? call.began_at_ms + (sum.lastedMs ?? 0) : null;
  const sound = useRecording(call.sid, endedAt) ?? null;
  const place = usePlace();
  const player = usePlayer(sound, place.at);
  const [mayOperate, mayErase] = [useMay('operator'), useMay('admin')];
  const runs = useQuery({
    queryKey: ['runs', call.sid, sum.tools],
    queryFn: ({ signal }) => get<{ tools: ToolRun[] }>(`/api/calls/${call.sid}/tools`, signal),
    enabled: sum.tools > 0,
    placeholderData: (before) => before,
  });
  const left = detail.events.filter(({ event }) => event.event === 'message_taken').length;
  const messages = useQuery({
    queryKey: ['messages', call.sid, left],
    queryFn: ({ signal }) => get<{ messages: Message[] }>(`/api/calls/${call.sid}/messages`, signal),
    enabled: left > 0,
  });
  return (
    <div className="page">
      <div className="page-head">
        <Link to={isOver ? lastSearch() : '/live'} className="crumb">
          {isOver ? 'History' : 'Live'}
        </Link>
        <div className="call-title">
          <h1>{phone(call.from)}</h1>
          <State call={call} sum={sum} />
          <Lasts call={call} sum={sum} />
        </div>
        <div className="actions">
          {!isOver && mayOperate && <Controls call={call} sum={sum} />}
          <Exports detail={detail} sound={sound} />
          {isOver && mayErase && NUMBER.test(call.from) && <EraseCaller call={call} />}
        </div>
      </div>
      {sound && <PlayerBar player={player} sound={sound} />}
      <div className="call-grid">
        <Tabs.Root defaultValue="transcript" className="panel">
          <Tabs.List className="tabs-list">
            <Tabs.Tab value="transcript" className="tab">
              Transcript
            </Tabs.Tab>
            <Tabs.Tab value="timeline" className="tab">
              Timeline
            </Tabs.Tab>
            <Tabs.Tab value="raw" className="tab">
              Raw events<span className="count">{detail.events.length}</span>
            </Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="transcript">
            <Transcript detail={detail} runs={runs.data?.tools ?? []} player={sound ? player : null} isLive={!isOver} {...place} />
            {isOnLine && mayOperate && <Composer call={call} />}
          </Tabs.Panel>
          <Tabs.Panel value="timeline">
            <Timeline detail={detail} />
          </Tabs.Panel>
          <Tabs.Panel value="raw">
            <Raw detail={detail} />
          </Tabs.Panel>
        </Tabs.Root>
        <Overview detail={detail} sum={sum} messages={messages.data?.messages ?? []} />
      </div>
    </div>
  );
}

export default function CallPage({ sid }: { sid: string }) {
  const { detail, error } = useCall(sid);
  useTitle(detail ? phone(detail.call.from) : 'Call');
  if (detail) return <Whole detail={detail} />;
  if (error instanceof ApiError && error.status === 404) {
    return (
      <div className="page">
        <Empty icon={PhoneMissed} title="There is no such call">
          <p>It may have been erased, or its time is over.</p>
        </Empty>
      </div>
    );
  }
  return <div className="page">{error ? <Trouble error={error} /> : <Waiting />}</div>;
}
