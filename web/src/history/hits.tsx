/** Calls in which the words were said: each with the lines that say so, and each line leads to where it is heard. */
import { Play } from 'lucide-react';
import { useState } from 'react';
import type { FoundCall, Line } from '../api/types';
import { agentName } from '../lib/agent-name';
import { clock, exactly, moment, phone } from '../lib/format';
import { useNow } from '../lib/now';
import { Link } from '../lib/router';
import { hits } from '../lib/words';
import { Button } from '../ui/controls';
import { Marked } from '../ui/marked';
import { Outcome } from './outcome';

/** Of each call at first. */
const LINES = 3;

interface HitsProps {
  found: FoundCall[];
  words: string;
  wanted: ReadonlySet<string>;
}

/** Those that have most of the words, in the order in which they were spoken. */
function best(lines: Line[], wanted: ReadonlySet<string>): Line[] {
  const ranked = lines.toSorted((one, other) => hits(other.text ?? '', wanted) - hits(one.text ?? '', wanted));
  return ranked.slice(0, LINES).toSorted((one, other) => one.at - other.at);
}

function HitLine({ sid, line, words, wanted }: { sid: string; line: Line; words: string; wanted: ReadonlySet<string> }) {
  const who = line.speaker === 'agent' ? 'Agent' : 'Caller';
  return (
    <li>
      <Link to={`/calls/${sid}?at=${line.at}&q=${encodeURIComponent(words)}`} className={`hit ${line.speaker}`}>
        <span className="at">
          <Play aria-hidden="true" />
          {clock(line.at)}
        </span>
        <b>{who}</b>
        <span className="grow">
          <Marked text={line.text ?? ''} wanted={wanted} />
        </span>
      </Link>
    </li>
  );
}

function Hit({ call, lines, words, wanted }: FoundCall & Omit<HitsProps, 'found'>) {
  const now = useNow();
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? lines : best(lines, wanted);
  return (
    <li className="hits-call">
      <div className="row wrap">
        <Link to={`/calls/${call.sid}`} className="main">
          {phone(call.from)}
        </Link>
        <span className="faint">to {phone(call.to)}</span>
        <span className="soft">{agentName(call)}</span>
        <Outcome call={call} />
        <span className="soft when" title={exactly(call.began_at_ms)}>
          {moment(call.began_at_ms, now)}
        </span>
      </div>
      <ol>
        {shown.map((line) => (
          <HitLine key={line.item} sid={call.sid} line={line} words={words} wanted={wanted} />
        ))}
      </ol>
      {lines.length > shown.length && (
        <Button size="small" kind="quiet" onClick={() => setWhole(true)}>
          {lines.length - shown.length} more {lines.length - shown.length === 1 ? 'line' : 'lines'}
        </Button>
      )}
    </li>
  );
}

export function Hits({ found, words, wanted }: HitsProps) {
  return (
    <ol className="hits">
      {found.map(({ call, lines }) => (
        <Hit key={call.sid} call={call} lines={lines} words={words} wanted={wanted} />
      ))}
    </ol>
  );
}
