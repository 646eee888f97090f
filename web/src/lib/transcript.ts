/** A call as one reads it: words, tools and what else happened, in one order; and how they lie beside the recording. */
import type { CallEvent, Line, TimedEvent } from '../api/types';

export interface ToolItem {
  kind: 'tool';
  at: number;
  id: string;
  name: string;
  tookMs: number | null;
  error: string | null;
  /** As live events tell them; nothing is stored of a tool's words. */
  finished: boolean;
}

export type Item =
  | { kind: 'line'; at: number; line: Line; isFinal: boolean }
  | ToolItem
  | { kind: 'mark'; at: number; event: CallEvent };

/** What a reader of the conversation wants to know of; all the rest is in the timeline. */
const TOLD = new Set([
  'on_hold', 'off_hold', 'recording_paused', 'recording_resumed', 'transfer_asked', 'transfer_answer', 'transfer_failed', 'transferred',
  'model_lost', 'model_renewed', 'resumed', 'agent_changed', 'agent_refused', 'say_asked', 'said', 'digits', 'dtmf_sent', 'message_taken',
  'callback_scheduled', 'spend_warning', 'hold_started', 'caller_detached', 'ended',
]);

export function items(lines: Line[], events: TimedEvent[], partial: ReadonlySet<string> = new Set()): Item[] {
  const told: Item[] = lines.map((line) => ({ kind: 'line', at: line.at, line, isFinal: !partial.has(line.item) }));
  const tools = new Map<string, ToolItem>();
  for (const { at, event } of events) {
    if (event.event === 'tool_started') {
      const id = String(event['call']);
      const tool: ToolItem = { kind: 'tool', at, id, name: String(event['name']), tookMs: null, error: null, finished: false };
      tools.set(id, tool);
      told.push(tool);
    } else if (event.event === 'tool_finished') {
      const tool = tools.get(String(event['call']));
      if (!tool) continue;
      tool.tookMs = Number(event['took_ms']);
      tool.error = typeof event['error'] === 'string' ? event['error'] : null;
      tool.finished = true;
    } else if (TOLD.has(event.event)) {
      told.push({ kind: 'mark', at, event });
    }
  }
  return told.toSorted((one, other) => one.at - other.at || rank(one) - rank(other));
}

/** Of things at the same moment the line comes first, and lines keep their order. */
function rank(item: Item): number {
  return item.kind === 'line' ? item.line.number / 1e6 : item.kind === 'tool' ? 1 : 2;
}

/** Which line is spoken at this moment of the recording: the last that has begun. */
export function lineAt(lines: Line[], ms: number): Line | null {
  let found: Line | null = null;
  for (const line of lines) {
    if (line.at <= ms && (!found || line.at >= found.at)) found = line;
  }
  return found;
}

/**
 * Where in a line the caller cut in. Nobody tells which word was the last that was heard; the share of the sound that was heard,
 * taken of the words, is near it, and never in the middle of one.
 */
export function cutAt(line: Line): number | null {
  const { interrupted, text } = line;
  if (!interrupted || text === null || interrupted.sent_ms === 0) return null;
  const share = Math.min(1, interrupted.heard_ms / interrupted.sent_ms);
  const about = Math.round(text.length * share);
  const before = text.lastIndexOf(' ', about);
  return share === 1 ? text.length : Math.max(0, before);
}
