/** What stands where an agent says nothing: shown, and never sent. The server's are in `shared/src/agent.rs`. */
import type { AgentSent } from '../api/types';

export const DEFAULTS = {
  name: 'Receptionist',
  backend: 'openai_realtime',
  model: 'gpt-realtime-2.1',
  voice: 'marin',
  speed: 1,
  greeting: { spoken: 'Greet the caller in one short sentence and ask how you can help.' },
  time_zone: 'UTC',
  turn_detection: { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500 },
  noise_reduction: 'near_field',
  transcription: { model: 'gpt-live-transcribe' },
  truncation: { retention_ratio: 0.8 },
  limits: {
    call: 3_600_000,
    silence: 30_000,
    tool: 20_000,
    tool_bytes: 16_384,
    tool_rounds: 8,
    tool_calls: 100,
    hold_after: 1_500,
    goodbye: 15_000,
    preroll: 5_000,
    model_ready: 30_000,
    redials: 3,
    redial_after: 2_000,
    attach: 15_000,
    longest_hold: 600_000,
  },
  overflow: {
    wait: 300_000,
    place: 'You are number {place} in line. Please hold.',
    say: 'We are sorry, nobody has become free. Please call again later. Goodbye.',
  },
  unavailable: 'We are sorry, we cannot take your call right now. Please try again in a few minutes.',
  hold_music: 'built-in',
  keypad: { timeout: 2_000, finish_on_key: '#', num_digits: 20, at_once: false },
  recording: {
    enabled: true,
    retention_days: 30,
    transcript_retention_days: 30,
    may_pause: true,
    longest_pause: 300_000,
  },
  hours: { closed: 'We are closed at the moment. Please call again during our opening hours. Goodbye.' },
} satisfies AgentSent;

export const VOICES = ['marin', 'cedar', 'alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse'];
export const MODELS = ['gpt-realtime-2.1', 'gpt-realtime-2.1-mini'];
export const VARIABLES = [
  'agent_name', 'call_sid', 'called_number', 'caller_number', 'caller_number_masked', 'date', 'time', 'time_zone', 'weekday',
];
export const RETENTION_DAYS = [1, 3, 7, 14, 30, 60, 90, 180, 365];
export const WEEK = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
