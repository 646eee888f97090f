/** What the API says and takes. Names are the server's; times are Unix milliseconds unless they are a call's own (`at`). */

export type Role = 'viewer' | 'operator' | 'admin';

export interface Session {
  role: Role;
  /** Of the pass, if it was given to somebody. */
  name: string | null;
  expires_at: string | null;
  /** Nobody has to sign in here: no token is configured, and this is the machine itself. */
  open: boolean;
}

export interface Fault {
  /** A JSON Pointer with `#` before it. */
  pointer: string;
  detail: string;
}

/** RFC 9457. */
export interface Problem {
  title: string;
  status: number;
  detail?: string;
  errors?: Fault[];
}

export interface Status {
  version: string;
  media_path: MediaPath;
  relays: number;
  calls: number;
  ready: boolean;
}

export type MediaPath = 'gateway' | 'direct';

export type Ending =
  | 'caller_hung_up'
  | 'agent_hung_up'
  | 'operator_hung_up'
  | 'abandoned'
  | 'caller_silent'
  | 'longest_call'
  | 'spend_limit'
  | 'transferred'
  | 'model_unavailable';

export type CallStatus =
  | { status: 'ringing' }
  | { status: 'in_progress' }
  | { status: 'ended'; ending: Ending };

export interface Call {
  sid: string;
  from: string;
  to: string;
  agent: Agent;
  media_path: MediaPath;
  status: CallStatus;
  began_at_ms: number;
  streams: number;
}

export interface Line {
  number: number;
  /** Milliseconds since the call began. */
  at: number;
  speaker: 'caller' | 'agent';
  item: string;
  /** Spoken, but not made out. */
  text: string | null;
  interrupted: { heard_ms: number; sent_ms: number } | null;
}

export interface Cost {
  model: number;
  voice: number;
  stream: number;
  gateway: number;
  relay: number;
  total: number;
}

/** Something that happened; its fields depend on what. */
export type CallEvent = { event: string } & Record<string, unknown>;

export interface TimedEvent {
  at: number;
  event: CallEvent;
}

export interface CallDetail {
  call: Call;
  transcript: Line[];
  events: TimedEvent[];
}

export interface ToolRun {
  call: string;
  tool: string;
  kind: string;
  agent: string;
  definition?: string;
  began_at_ms: number;
  took_ms: number;
  status?: number;
  attempts: number;
  redirects: number;
  arguments_bytes: number;
  output_bytes: number;
  error?: string | null;
  cause?: string | null;
}

export interface RecordingLink {
  url: string;
  expires_at: string;
  file_name: string;
}

export interface AgentTitle {
  id: string;
  version: number;
  name: string;
  saved_at_ms: number;
}

export type Greeting = { spoken: string } | { words: string } | 'none';

export type TurnDetection =
  | { type: 'server_vad'; threshold?: number; prefix_padding_ms?: number; silence_duration_ms?: number }
  | { type: 'semantic_vad'; eagerness?: 'low' | 'medium' | 'high' | 'auto' };

export interface OwnTool {
  name: string;
  description: string;
  parameters?: unknown;
  target: HttpTarget | LambdaTarget;
  timeout_ms?: number;
  on_failure?: string;
}

export interface HttpTarget {
  type: 'http';
  method: string;
  url: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: 'none' | 'arguments' | { template: unknown };
  retries?: number;
  largest_answer?: number;
  pointer?: string;
}

export interface LambdaTarget {
  type: 'lambda';
  arn: string;
  idempotent?: boolean;
}

export interface TransferTarget {
  name: string;
  to: string;
  kind?: 'cold' | 'warm';
  ring?: number;
  say?: string;
}

export type KeyAction =
  | { do: 'hang_up' }
  | { do: 'hold' }
  | { do: 'repeat' }
  | { do: 'transfer'; to: string }
  | { do: 'say'; instructions: string };

export interface McpServer {
  label?: string;
  url: string;
  description?: string;
  allowed_tools?: string[];
}

export interface OpeningHours {
  weekly?: Record<string, string[]>;
  exceptions?: Record<string, string[]>;
  closed?: string;
}

/** What is at its default is not there. */
export interface Agent {
  id: string;
  version?: number;
  name?: string;
  backend?: string;
  model?: string;
  voice?: string;
  speed?: number;
  instructions?: string;
  variables?: Record<string, string>;
  greeting?: Greeting;
  language?: string;
  time_zone?: string;
  hours?: OpeningHours;
  turn_detection?: TurnDetection;
  noise_reduction?: 'near_field' | 'far_field' | null;
  transcription?: { model: string; language?: string } | null;
  reasoning?: string | null;
  truncation?: 'auto' | 'disabled' | { retention_ratio: number };
  tools?: string[];
  mcp_servers?: McpServer[];
  own_tools?: OwnTool[];
  limits?: Record<string, number>;
  overflow?: { wait?: number; place?: string; say?: string };
  unavailable?: string;
  hold_music?: string;
  keypad?: {
    timeout?: number;
    finish_on_key?: string | null;
    num_digits?: number;
    at_once?: boolean;
    actions?: Record<string, KeyAction>;
  };
  recording?: {
    enabled?: boolean;
    consent?: string;
    retention_days?: number;
    transcript_retention_days?: number;
    may_pause?: boolean;
    longest_pause?: number;
  };
  transfer_targets?: TransferTarget[];
  transfer_to_any_number?: boolean;
}

export interface ToolSpec {
  name: string;
  description: string;
  parameters: unknown;
}

export interface NumberEntry {
  number: string;
  agent: string;
}

export interface MusicFile {
  id: string;
  title: string;
  length_ms: number;
  uploaded_at_ms: number;
  source: { format: string; rate: number; channels: number; bytes: number };
  loudness_lufs: number;
  gain_db: number;
}

export interface MusicStatus {
  files: number;
  built_in: { length_ms: number };
  formats: string[];
  limits: { files: number; bytes: number; bytes_in_a_request: number; shortest_ms: number; longest_ms: number };
  loudness_lufs: number;
}

export interface Message {
  call: string;
  id: string;
  taken_at_ms: number;
  name: string | null;
  number: string | null;
  text: string;
}

export interface Callback {
  call: string;
  id: string;
  requested_at_ms: number;
  due_at_ms: number;
  number: string;
  why: string;
  state: 'requested' | 'cancelled';
}

export interface TwilioSetup {
  configured: boolean;
  webhook: string;
  status_callback: string;
  account: { status: string; trial: boolean } | null;
  numbers: { number: string; points_here: boolean }[];
  problems: { what: string; mend: string }[];
}

export interface Trial {
  outcome: { ok: unknown } | { error: { kind: string; message: string } };
  run: ToolRun | null;
}
