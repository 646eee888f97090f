/** A call's figures: what it cost, how long its caller waited, how good the line was. */
import type { Message } from '../api/types';
import { dollars, exactly, phone, sentence, span } from '../lib/format';
import { Link } from '../lib/router';
import type { Spread, Summary } from '../lib/summary';
import type { Detail, Quality } from '../live/entries';
import { agentName } from '../lib/agent-name';
import { Copyable } from '../ui/controls';

function Spreads({ name, of, hint }: { name: string; of: Spread | null; hint: string }) {
  if (!of) return null;
  return (
    <tr>
      <th scope="row" title={hint}>
        {name}
      </th>
      <td className="number">{span(of.p50)}</td>
      <td className="number soft">{span(of.max)}</td>
    </tr>
  );
}

const PARTS = [
  ['model', 'Model'],
  ['voice', 'Telephone'],
  ['stream', 'Stream'],
  ['gateway', 'Gateway'],
  ['relay', 'Relay'],
] as const;

function Strip({ quality }: { quality: readonly Quality[] }) {
  const worst = Math.max(40, ...quality.map(({ jitter_ms }) => jitter_ms));
  const last = quality.at(-1);
  return (
    <section className="panel">
      <header>
        <h2>Line</h2>
      </header>
      <div className="body stack tight">
        <svg className="strip" viewBox={`0 0 ${quality.length * 4} 40`} preserveAspectRatio="none" role="img" aria-label="Jitter over time">
          {quality.map(({ at, jitter_ms, late, lost }, index) => {
            const tall = Math.max(1, (jitter_ms / worst) * 40);
            const tone = lost > 0 ? 'bad' : late > 0 ? 'warn' : '';
            return <rect key={at} className={tone} x={index * 4} y={40 - tall} width={3} height={tall} />;
          })}
        </svg>
        {last && (
          <p className="small soft">
            jitter {span(last.jitter_ms)} · {last.late} late · {last.lost} lost
            {last.mark_ms === null ? '' : ` · mark ${span(last.mark_ms)}`}
          </p>
        )}
      </div>
    </section>
  );
}

export function Overview({ detail, sum, messages }: { detail: Detail; sum: Summary; messages: Message[] }) {
  const { call, quality } = detail;
  const waits = sum.firstAudioMs ?? sum.answerMs ?? sum.toolMs ?? sum.markMs ?? sum.bargeInMs;
  return (
    <aside className="overview stack" aria-label="About this call">
      <section className="panel">
        <header>
          <h2>Call</h2>
        </header>
        <dl className="body facts">
          <dt>From</dt>
          <dd>{phone(call.from)}</dd>
          <dt>To</dt>
          <dd>{phone(call.to)}</dd>
          <dt>Agent</dt>
          <dd>
            {(call.agent.version ?? 0) > 0 ? (
              <Link to={`/agents/${call.agent.id}`}>
                {agentName(call)} <span className="faint">v{call.agent.version}</span>
              </Link>
            ) : (
              agentName(call)
            )}
          </dd>
          <dt>Began</dt>
          <dd>{exactly(call.began_at_ms)}</dd>
          <dt>Path</dt>
          <dd>
            {sentence(call.media_path)}
            {call.streams > 1 && <span className="faint">, {call.streams} streams</span>}
          </dd>
          <dt>SID</dt>
          <dd>
            <Copyable text={call.sid} />
          </dd>
        </dl>
      </section>
      {sum.cost && (
        <section className="panel">
          <header>
            <h2 className="grow">Cost</h2>
            <strong>{dollars(sum.cost.total)}</strong>
          </header>
          <table className="table figures">
            <tbody>
              {PARTS.filter(([part]) => (sum.cost?.[part] ?? 0) > 0).map(([part, name]) => (
                <tr key={part}>
                  <th scope="row">{name}</th>
                  <td className="number soft">{dollars(sum.cost?.[part] ?? 0)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {waits && (
        <section className="panel">
          <header>
            <h2 className="grow">Waits</h2>
            <span className="faint small">{sum.turns} turns</span>
          </header>
          <table className="table figures">
            <thead>
              <tr>
                <th>
                  <span className="hidden-text">What</span>
                </th>
                <th className="number">middle</th>
                <th className="number">longest</th>
              </tr>
            </thead>
            <tbody>
              <Spreads name="First sound" of={sum.firstAudioMs} hint="From the end of the caller’s words to any sound" />
              <Spreads name="Answer" of={sum.answerMs} hint="From the end of the caller’s words to the answer" />
              <Spreads name="Tools" of={sum.toolMs} hint="How long tools ran in a turn" />
              <Spreads name="Silenced" of={sum.bargeInMs} hint="From the caller’s first sound to our silence" />
              <Spreads name="Marks late" of={sum.markMs} hint="How late the carrier’s marks came back" />
            </tbody>
          </table>
        </section>
      )}
      {quality.length > 1 && <Strip quality={quality} />}
      {messages.length > 0 && (
        <section className="panel">
          <header>
            <h2>Messages</h2>
          </header>
          <ul className="body stack tight">
            {messages.map((message) => (
              <li key={message.id}>
                <p>{message.text}</p>
                <p className="faint small">{[message.name, message.number].filter(Boolean).join(', ')}</p>
              </li>
            ))}
          </ul>
        </section>
      )}
    </aside>
  );
}
