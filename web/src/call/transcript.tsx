/** The conversation: who said what, what was cut off, what was looked up, what else happened between the words. */
import { Play, Scissors, Wrench } from 'lucide-react';
import { memo, useEffect, useMemo, useRef } from 'react';
import type { Line, ToolRun } from '../api/types';
import { bytes, clock, span, words } from '../lib/format';
import { WHO } from '../lib/vtt';
import { cutAt, type Item, items, lineAt, type ToolItem } from '../lib/transcript';
import { wordsOf } from '../lib/words';
import type { Detail, ToolWords } from '../live/entries';
import { Marked } from '../ui/marked';
import { describe } from './events';
import type { Player } from './player';

/** Whoever has scrolled up wants to read, and is not moved. */
const NEAR_END_PX = 80;

function Words({ line, isFinal, wanted }: Pick<LineRowProps, 'line' | 'isFinal' | 'wanted'>) {
  if (line.text === null) return <span className="faint">{isFinal ? 'not made out' : '…'}</span>;
  const cut = cutAt(line);
  const { interrupted } = line;
  return (
    <>
      <Marked text={cut === null ? line.text : line.text.slice(0, cut)} wanted={wanted} />
      {cut !== null && cut < line.text.length && (
        <s className="unheard" title="The caller has not heard this">
          <Marked text={line.text.slice(cut)} wanted={wanted} />
        </s>
      )}
      {!isFinal && <span className="cursor" aria-hidden="true" />}
      {interrupted && (
        <span className="cut">
          <Scissors aria-hidden="true" /> cut in after {span(interrupted.heard_ms)} of {span(interrupted.sent_ms)}
        </span>
      )}
    </>
  );
}

interface LineRowProps {
  line: Line;
  isFinal: boolean;
  isNow: boolean;
  wanted: ReadonlySet<string>;
  play: ((ms: number) => void) | null;
}

const LineRow = memo(function LineRow({ line, isFinal, isNow, wanted, play }: LineRowProps) {
  const row = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (isNow) row.current?.scrollIntoView({ block: 'nearest' });
  }, [isNow]);
  const who = WHO[line.speaker];
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- the time is the button for keys
    <li
      ref={row}
      className={`line ${line.speaker} ${play ? 'playable' : ''}`}
      aria-current={isNow ? 'true' : undefined}
      onClick={play ? () => play(line.at) : undefined}
    >
      {play ? (
        <button type="button" className="at" aria-label={`Play from ${clock(line.at)}`}>
          <Play aria-hidden="true" />
          {clock(line.at)}
        </button>
      ) : (
        <span className="at">{clock(line.at)}</span>
      )}
      <div>
        <span className="speaker">{who}</span>
        <p>
          <Words line={line} isFinal={isFinal} wanted={wanted} />
        </p>
      </div>
    </li>
  );
});

/** As one reads it: JSON with its lines. */
function Json({ text }: { text: string }) {
  const pretty = useMemo(() => {
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }, [text]);
  // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls can be scrolled by keys
  return <pre tabIndex={0}>{pretty}</pre>;
}

interface ToolRowProps {
  tool: ToolItem;
  run: ToolRun | undefined;
  told: ToolWords | undefined;
}

function ToolRow({ tool, run, told }: ToolRowProps) {
  const failed = tool.error ?? run?.error;
  return (
    <li className={`line tool ${failed ? 'failed' : ''}`}>
      <span className="at">{clock(tool.at)}</span>
      <div>
        <span className="speaker">
          <Wrench aria-hidden="true" /> <code>{tool.name}</code>
          <span className={`badge ${failed ? 'bad' : tool.finished ? 'good' : 'info'}`}>
            {failed ? words(failed) : tool.finished && tool.tookMs !== null ? span(tool.tookMs) : 'running'}
          </span>
        </span>
        {told && (
          <div className="tool-words">
            <Json text={told.arguments} />
            {told.output !== null && <Json text={told.output} />}
          </div>
        )}
        {run && (
          <p className="faint small">
            {bytes(run.arguments_bytes)} asked, {bytes(run.output_bytes)} answered
            {run.status ? ` · HTTP ${run.status}` : ''}
            {run.attempts > 1 ? ` · ${run.attempts} attempts` : ''}
            {run.cause ? ` · ${words(run.cause)}` : ''}
          </p>
        )}
      </div>
    </li>
  );
}

function MarkRow({ item }: { item: Extract<Item, { kind: 'mark' }> }) {
  const { title, more, tone } = describe(item.event);
  return (
    <li className={`mark ${tone}`}>
      <span className="at">{clock(item.at)}</span>
      <span>
        {title}
        {more && <span className="faint"> · {more}</span>}
      </span>
    </li>
  );
}

interface TranscriptProps {
  detail: Detail;
  runs: ToolRun[];
  player: Player | null;
  isLive: boolean;
  /** Where somebody is led to; until the recording moves on. */
  at: number | null;
  /** The words that were looked for. */
  sought: string;
}

export function Transcript({ detail, runs, player, isLive, at, sought }: TranscriptProps) {
  const list = useMemo(() => items(detail.transcript, detail.events, detail.partial), [detail]);
  const wanted = useMemo(() => wordsOf(sought), [sought]);
  const isHeard = player !== null && (player.isPlaying || player.ms > 0);
  const moment = isHeard ? player.ms : at;
  const now = moment === null ? null : lineAt(detail.transcript, moment);
  const box = useRef<HTMLDivElement>(null);
  const isNearEnd = useRef(at === null);
  // After whatever was shown anew.
  useEffect(() => {
    const element = box.current;
    if (isLive && element && isNearEnd.current) element.scrollTop = element.scrollHeight;
  });
  const scrolled = () => {
    const element = box.current;
    if (element) isNearEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX;
  };
  if (list.length === 0) return <p className="transcript-empty faint">Nothing has been said yet.</p>;
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls can be scrolled by keys
    <div className="transcript" ref={box} onScroll={scrolled} tabIndex={0} role="region" aria-label="Transcript">
      <ol aria-live={isLive ? 'polite' : undefined} aria-relevant="additions">
        {list.map((item) => {
          switch (item.kind) {
            case 'line':
              return (
                <LineRow
                  key={`line ${item.line.item}`}
                  line={item.line}
                  isFinal={item.isFinal}
                  isNow={now?.item === item.line.item}
                  wanted={wanted}
                  play={player?.playFrom ?? null}
                />
              );
            case 'tool':
              return <ToolRow key={`tool ${item.id}`} tool={item} run={runs.find(({ call }) => call === item.id)} told={detail.tools.get(item.id)} />;
            case 'mark':
              return <MarkRow key={`mark ${item.at} ${item.event.event}`} item={item} />;
          }
        })}
      </ol>
    </div>
  );
}
