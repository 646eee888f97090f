/** What is going on: every call that runs, how long it has lasted, what it costs, how long its caller waits for answers. */
import './live.css';
import { useQuery } from '@tanstack/react-query';
import { PhoneCall } from 'lucide-react';
import { memo, useMemo } from 'react';
import { get } from '../api/client';
import type { Call, Status } from '../api/types';
import { clock, dollars, moment, phone, sentence, span } from '../lib/format';
import { useNow } from '../lib/now';
import { go, Link } from '../lib/router';
import { type Summary, summarize } from '../lib/summary';
import { agentName } from '../lib/agent-name';
import { useTitle } from '../lib/title';
import { WHO } from '../lib/vtt';
import { useCalls, useGlance } from '../live/use';
import { Empty, Trouble, Waiting } from '../ui/feedback';

const RECENT = 8;

function Duration({ since }: { since: number }) {
  return clock(useNow() - since);
}

/** `null` where nothing was read yet: that is not nothing. */
function useSummary(sid: string): Summary | null {
  const detail = useGlance(sid);
  return useMemo(() => (detail ? summarize(detail.events) : null), [detail]);
}

const Row = memo(function Row({ call }: { call: Call }) {
  const sum = useSummary(call.sid);
  const detail = useGlance(call.sid);
  const last = detail?.transcript.findLast((line) => line.text);
  const isRinging = call.status.status === 'ringing';
  return (
    <tr className="link" onClick={() => go(`/calls/${call.sid}`)}>
      <td>
        <span className="who">
          <span className={`badge ${isRinging ? 'info' : sum?.onHold ? 'warn' : 'good'}`}>
            <span className="dot alive" />
            {isRinging ? 'Ringing' : sum?.onHold ? 'On hold' : 'Live'}
          </span>
          <Link to={`/calls/${call.sid}`} className="main" onClick={(event) => event.stopPropagation()}>
            {phone(call.from)}
          </Link>
        </span>
      </td>
      <td className="optional">{agentName(call)}</td>
      <td className="wide">
        <div className="last truncate">
          {last && (
            <>
              <b className={last.speaker}>{WHO[last.speaker]}</b>
              {last.text}
            </>
          )}
        </div>
      </td>
      <td className="number optional">{sum ? sum.interruptions : '–'}</td>
      <td className="number optional">{sum?.answerMs ? span(sum.answerMs.p50) : '–'}</td>
      <td className="number optional">{sum?.cost ? dollars(sum.cost.total) : '–'}</td>
      <td className="number end corner">
        <Duration since={call.began_at_ms} />
      </td>
    </tr>
  );
});

function Gauges({ active }: { active: Call[] }) {
  const status = useQuery({ queryKey: ['status'], queryFn: ({ signal }) => get<Status>('/status', signal), refetchInterval: 5_000 });
  const onPhone = active.filter((call) => call.status.status === 'in_progress').length;
  return (
    <dl className="gauges">
      <div className="gauge">
        <dt>Calls</dt>
        <dd>
          {onPhone} {active.length > onPhone && <small>and {active.length - onPhone} ringing</small>}
        </dd>
      </div>
      <div className="gauge">
        <dt>Relays</dt>
        <dd>
          {status.data?.relays ?? '–'}{' '}
          {status.data && (status.data.ready ? <small>ready</small> : <span className="badge bad">no room for calls</span>)}
        </dd>
      </div>
      <div className="gauge">
        <dt>Media path</dt>
        <dd>{status.data ? sentence(status.data.media_path) : '–'}</dd>
      </div>
      <div className="gauge">
        <dt>Version</dt>
        <dd>{status.data?.version ?? '–'}</dd>
      </div>
    </dl>
  );
}

function Recent({ calls }: { calls: Call[] }) {
  const now = useNow();
  return (
    <section className="panel" aria-labelledby="recent">
      <header>
        <h2 id="recent" className="grow">
          Just ended
        </h2>
        <Link to="/calls" className="small">
          All calls
        </Link>
      </header>
      <table className="table cards">
        <tbody>
          {calls.map((call) => (
            <tr key={call.sid} className="link" onClick={() => go(`/calls/${call.sid}`)}>
              <td>
                <Link to={`/calls/${call.sid}`} className="main" onClick={(event) => event.stopPropagation()}>
                  {phone(call.from)}
                </Link>
              </td>
              <td className="soft optional">{agentName(call)}</td>
              <td className="soft">{call.status.status === 'ended' && sentence(call.status.ending)}</td>
              <td className="number soft end">{moment(call.began_at_ms, now)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Twilio tells within minutes that a call is over; one that rings for longer is not there any more. */
const LONGEST_RINGING_MS = 5 * 60_000;

export function LivePage() {
  const { calls, error } = useCalls();
  const now = useNow();
  useTitle('Live');
  if (!calls) return <div className="page">{error ? <Trouble error={error} /> : <Waiting />}</div>;
  const isActive = ({ status, began_at_ms }: Call) =>
    status.status === 'in_progress' || (status.status === 'ringing' && now - began_at_ms < LONGEST_RINGING_MS);
  const active = calls.filter(isActive);
  const ended = calls.filter((call) => call.status.status === 'ended').slice(0, RECENT);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Live</h1>
      </div>
      {error && <Trouble error={error} />}
      <Gauges active={active} />
      <section className="panel" aria-label="Calls that run">
        {active.length === 0 ? (
          <Empty icon={PhoneCall} title="Nobody is on the phone">
            <p>Calls appear here as soon as they ring.</p>
          </Empty>
        ) : (
          <table className="table cards live-table">
            <thead>
              <tr>
                <th>Caller</th>
                <th className="optional">Agent</th>
                <th>Last said</th>
                <th className="number optional">Cut in</th>
                <th className="number optional">Answers in</th>
                <th className="number optional">Cost</th>
                <th className="number">Duration</th>
              </tr>
            </thead>
            <tbody>
              {active.map((call) => (
                <Row key={call.sid} call={call} />
              ))}
            </tbody>
          </table>
        )}
      </section>
      {ended.length > 0 && <Recent calls={ended} />}
    </div>
  );
}
