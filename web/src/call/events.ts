/** What happened, as a sentence and a colour. */
import type { CallEvent } from '../api/types';
import { dollars, sentence, span, words } from '../lib/format';

export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'accent' | 'info';

export interface Told {
  title: string;
  more?: string;
  tone: Tone;
}

const text = (value: unknown) => (value === null || value === undefined ? '' : String(value));
const ms = (value: unknown) => span(Number(value ?? 0));
const told = (title: string, tone: Tone, more = ''): Told => (more ? { title, tone, more } : { title, tone });
const after = (event: CallEvent) => `after ${ms(event['after_ms'])}`;

const KNOWN: Record<string, (event: CallEvent) => Told> = {
  caller_attached: () => told('The caller is on the line', 'good'),
  caller_detached: () => told('The caller’s stream is gone', 'warn'),
  model_dialled: (e) => told('Dialling the model', 'plain', Number(e['attempt']) > 1 ? `attempt ${text(e['attempt'])}` : ''),
  model_ready: (e) => told('The model is ready', 'plain', after(e)),
  model_lost: (e) => told('The model was lost', 'bad', `${text(e['code'])}${e['fatal'] ? ', for good' : ''}`),
  model_renewed: (e) => told('Another model session took over', 'info', e['quiet'] ? 'at a quiet moment' : 'in the middle of things'),
  renewal_failed: (e) => told('The model session could not be renewed', 'warn', text(e['code'])),
  model_error: (e) => told('The model reports an error', 'bad', text(e['code'])),
  model_unknown: (e) => told('The model said something unknown', 'plain', text(e['kind'])),
  resumed: (e) => told('Another relay took the call over', 'warn', sentence(text(e['succession']))),
  greeted: (e) => told('The greeting began', 'good', after(e)),
  answered: (e) => told('The agent answered', 'plain', after(e)),
  turn: (e) => told(`Turn ${text(e['number'])}`, 'plain', turn(e)),
  cost: (e) => told('Cost so far', 'plain', dollars(Number(e['total'] ?? 0))),
  spend_warning: () => told('The model was told to come to an end: the call costs too much', 'warn'),
  barge_in: (e) => told('The caller cut in', 'accent', `${ms(e['heard_ms'])} heard of ${ms(e['sent_ms'])} sent`),
  response_done: (e) => told('A response is done', 'plain', text(e['status'])),
  response_rejected: (e) => told('A response was rejected', 'warn', text(e['code'])),
  tool_started: (e) => told(`${text(e['name'])} …`, 'info'),
  tool_finished: (e) =>
    told(text(e['name']), e['error'] ? 'bad' : 'info', `${e['error'] ? `${words(text(e['error']))}, ` : ''}took ${ms(e['took_ms'])}`),
  tool_late: () => told('A tool’s answer came too late', 'warn'),
  hold_started: () => told('Music plays', 'plain'),
  hold_stopped: () => told('The music ends', 'plain'),
  dtmf: () => told('The caller pressed a key', 'plain'),
  digits: (e) => told(`The caller dialled ${text(e['count'])} digits`, 'info', words(text(e['action'] ?? 'told to the model'))),
  dtmf_sent: (e) => told(`The agent pressed ${text(e['count'])} keys`, 'info'),
  whispered: () => told('An operator whispered to the agent', 'accent'),
  say_asked: (e) => told('An operator has the agent say something', 'accent', Number(e['waiting']) > 1 ? `${text(e['waiting'])} wait` : ''),
  said: (e) => told('The agent says an operator’s words', 'accent', after(e)),
  on_hold: (e) => told('On hold', 'warn', `by the ${text(e['by'])}`),
  off_hold: (e) => told('Off hold', 'good', `${words(text(e['why']))}, ${after(e)}`),
  recording_paused: (e) => told('Recording paused', 'warn', `by the ${text(e['by'])}`),
  recording_resumed: (e) => told('Recording goes on', 'good', after(e)),
  hang_up_asked: (e) => told('The agent wants to hang up', 'plain', words(text(e['reason']))),
  transfer_asked: (e) => told(`Transfer to ${text(e['to']) || 'a number'}`, 'info', `${text(e['kind'])}, by the ${text(e['by'])}`),
  transfer_answer: (e) => told(e['why'] ? `${text(e['to'])} does not take the call` : `${text(e['to'])} takes the call`, e['why'] ? 'warn' : 'good', words(text(e['why']))),
  transfer_failed: (e) => told('The transfer failed', 'bad', words(text(e['why']))),
  transferred: (e) => told('Somebody has the caller', 'good', after(e)),
  message_taken: () => told('A message was taken', 'good'),
  callback_scheduled: () => told('A callback was scheduled', 'good'),
  frames_lost: (e) => told('Frames of the caller’s are lost', 'warn', `${text(e['count'])} so far`),
  frames_dropped: (e) => told('Frames were dropped', 'plain', `${text(e['count'])}, ${words(text(e['reason']))}`),
  silence_filled: (e) => told('Gaps were filled with silence', 'plain', ms(e['ms'])),
  preroll_dropped: (e) => told('Audio from before the model was ready was dropped', 'plain', ms(e['ms'])),
  audio_dropped: (e) => told('Audio that nobody wanted was dropped', 'plain', ms(e['ms'])),
  agent_changed: (e) => told('Another agent answers', 'accent', `version ${text(e['version'])}`),
  agent_refused: (e) => told('The model did not take the other agent', 'bad', text(e['code'])),
  unexpected: (e) => told('Something unexpected', 'warn', text(e['what'])),
  ended: (e) => told(`Ended: ${words(text(e['ending']))}`, 'plain', after(e)),
};

function turn(event: CallEvent): string {
  const parts = [
    ['first sound', event['first_audio_ms']],
    ['answer', event['answer_ms']],
    ['tools', Number(event['tool_ms']) > 0 ? event['tool_ms'] : null],
    ['silenced', event['barge_in_ms']],
  ] as const;
  return parts.flatMap(([name, value]) => (typeof value === 'number' ? [`${name} ${span(value)}`] : [])).join(' · ');
}

/** One that is not known here is named as the server names it. */
export function describe(event: CallEvent): Told {
  return KNOWN[event.event]?.(event) ?? told(sentence(event.event), 'plain');
}
