/** Everything that happened in a call, in order; and the same as it is stored, for the curious. */
import { useState } from 'react';
import { clock } from '../lib/format';
import type { Detail } from '../live/entries';
import { Checkbox } from '../ui/choices';
import { describe } from './events';

/** Of interest to those who look for a fault, and many. */
const FREQUENT = new Set(['response_done', 'cost', 'silence_filled', 'audio_dropped', 'frames_dropped', 'hold_started', 'hold_stopped']);

export function Timeline({ detail }: { detail: Detail }) {
  const [isWhole, setWhole] = useState(false);
  const events = detail.events.filter(({ event }) => isWhole || !FREQUENT.has(event.event));
  return (
    <div className="timeline">
      <div className="timeline-head">
        <Checkbox label="Show all" checked={isWhole} onChange={setWhole} />
      </div>
      <ol>
        {events.map(({ at, event }) => {
          const { title, more, tone } = describe(event);
          return (
            <li key={`${at} ${JSON.stringify(event)}`} className={tone}>
              <span className="at">{clock(at)}</span>
              <span className="knot" aria-hidden="true" />
              <span>
                {title}
                {more && <span className="faint"> · {more}</span>}
              </span>
            </li>
          );
        })}
      </ol>
    </div>
  );
}

export function Raw({ detail }: { detail: Detail }) {
  const [filter, setFilter] = useState('');
  const lines = detail.events.map(({ at, event }) => ({ at, text: JSON.stringify(event) }));
  const shown = lines.filter(({ text }) => text.includes(filter));
  return (
    <div className="raw">
      <input
        className="input mono"
        type="search"
        aria-label="Filter events"
        placeholder="Filter"
        value={filter}
        onChange={({ target }) => setFilter(target.value)}
      />
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls can be scrolled by keys */}
      <pre tabIndex={0} role="region" aria-label="Raw events">
        {shown.map(({ at, text }) => (
          <span key={`${at} ${text}`}>
            <b>{String(at).padStart(8)}</b> {text}
            {'\n'}
          </span>
        ))}
      </pre>
    </div>
  );
}
