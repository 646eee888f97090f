/** A call at a glance, out of its events; the same figures as `shared/src/summary.rs`, so that they can be had of what streams in. */
import type { Cost, TimedEvent } from '../api/types';

export interface Spread {
  count: number;
  p50: number;
  max: number;
}

export interface Summary {
  turns: number;
  interruptions: number;
  tools: number;
  toolErrors: number;
  greetedMs: number | null;
  firstAudioMs: Spread | null;
  answerMs: Spread | null;
  toolMs: Spread | null;
  markMs: Spread | null;
  bargeInMs: Spread | null;
  cost: Cost | null;
  lastedMs: number | null;
  onHold: boolean;
  recordingPaused: boolean;
}

export function spread(figures: number[]): Spread | null {
  if (figures.length === 0) return null;
  const sorted = figures.toSorted((one, other) => one - other);
  return { count: sorted.length, p50: sorted[Math.floor((sorted.length - 1) / 2)]!, max: sorted.at(-1)! };
}

const TURN = { first_audio_ms: 'first', answer_ms: 'answer', mark_ms: 'mark', barge_in_ms: 'bargeIn' } as const;

export function summarize(events: TimedEvent[]): Summary {
  const told = { first: [], answer: [], mark: [], bargeIn: [], tool: [] } as Record<string, number[]>;
  const sum: Summary = {
    turns: 0, interruptions: 0, tools: 0, toolErrors: 0, greetedMs: null, firstAudioMs: null, answerMs: null, toolMs: null,
    markMs: null, bargeInMs: null, cost: null, lastedMs: null, onHold: false, recordingPaused: false,
  };
  for (const { event } of events) {
    switch (event.event) {
      case 'turn':
        sum.turns += 1;
        for (const [field, name] of Object.entries(TURN)) {
          const value = event[field];
          if (typeof value === 'number') told[name]!.push(value);
        }
        if (Number(event['tool_ms']) > 0) told['tool']!.push(Number(event['tool_ms']));
        break;
      case 'cost': sum.cost = event as unknown as Cost; break;
      case 'barge_in': sum.interruptions += 1; break;
      case 'greeted': sum.greetedMs = Number(event['after_ms']); break;
      case 'tool_finished':
        sum.tools += 1;
        if (event['error']) sum.toolErrors += 1;
        break;
      case 'on_hold': sum.onHold = true; break;
      case 'off_hold': sum.onHold = false; break;
      case 'recording_paused': sum.recordingPaused = true; break;
      case 'recording_resumed': sum.recordingPaused = false; break;
      case 'ended': sum.lastedMs = Number(event['after_ms']); break;
    }
  }
  const [firstAudioMs, answerMs, toolMs] = [spread(told['first']!), spread(told['answer']!), spread(told['tool']!)];
  return { ...sum, firstAudioMs, answerMs, toolMs, markMs: spread(told['mark']!), bargeInMs: spread(told['bargeIn']!) };
}
