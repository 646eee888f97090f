/** A call's words as files that other programs read. */
import type { CallDetail, Line } from '../api/types';
import { clock } from './format';

/** Longest that a caption stays when nothing follows it. */
const LONGEST_MS = 10_000;
const SHORTEST_MS = 500;

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** `00:01:02.345`. */
export function stamp(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  const seconds = Math.floor(whole / 1_000);
  const rest = String(whole % 1_000).padStart(3, '0');
  return `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${rest}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replace(/\s*\n\s*/g, ' ');
}

export const WHO = { caller: 'Caller', agent: 'Agent', operator: 'Operator' } as const;

/** WebVTT: who spoke is a voice span. */
export function webVtt(lines: Line[]): string {
  // What was whispered sounds nowhere in the recording.
  const spoken = lines.filter((line) => line.text !== null && line.speaker !== 'operator').toSorted((one, other) => one.at - other.at);
  const cues = spoken.map((line, at) => {
    const next = spoken.slice(at + 1).find((later) => later.at > line.at)?.at ?? line.at + LONGEST_MS;
    const until = Math.max(line.at + SHORTEST_MS, Math.min(next, line.at + LONGEST_MS));
    return `${at + 1}\n${stamp(line.at)} --> ${stamp(until)}\n<v ${WHO[line.speaker]}>${escaped(line.text ?? '')}`;
  });
  return `${['WEBVTT', ...cues].join('\n\n')}\n`;
}

export function plainText(detail: CallDetail): string {
  const { call, transcript } = detail;
  const head = [
    `Call ${call.sid}`,
    `From ${call.from} to ${call.to}`,
    `Began ${new Date(call.began_at_ms).toISOString()}`,
    `Agent ${call.agent.name ?? call.agent.id}, version ${call.agent.version ?? 0}`,
  ];
  const lines = transcript.map((line) => {
    const cut = line.interrupted ? '  [cut in]' : '';
    return `[${clock(line.at)}] ${WHO[line.speaker]}: ${line.text ?? '(not made out)'}${cut}`;
  });
  return `${[...head, '', ...lines].join('\n')}\n`;
}
