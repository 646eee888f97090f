/** What the API says and takes, by the names the console uses. The shapes are the server's own: `schema.ts` is made of its Rust types. */
import type { components } from './schema';

type S = components['schemas'];

export type Role = S['Role'];
export type Session = Omit<S['Me'], 'token'>;
export type SignInBy = S['SignInBy'];
export type Problem = S['Problem'];
/** Its pointer is a JSON Pointer with `#` before it. */
export type Fault = S['DocumentFault'];
export type Status = S['Status'];
export type MediaPath = S['MediaPath'];
export type Ending = S['Ending'];
export type CallStatus = S['CallStatus'];
export type Call = S['Call'];
export type Line = S['Line'];
export type FoundCall = S['FoundCall'];
export type Insights = S['InsightsOf'];
export type Bucket = S['Bucket'];
export type Percentiles = S['Percentiles'];
export type Act = S['Act'];
export type Cost = S['Cost'];
/** Something that happened; its fields depend on what. Those of a later server are not in our list. */
export type CallEvent = { event: string } & Record<string, unknown>;
export interface TimedEvent {
  at: number;
  event: CallEvent;
}
export type CallDetail = Pick<S['CallDetail'], 'call' | 'transcript'> & { events: TimedEvent[] };
export type ToolRun = S['ToolRun'];
export type RecordingLink = S['RecordingUrl'];
export type AgentTitle = S['Entitled'];
export type Agent = S['Agent'];
/** As a person writes it: what is left out is as usual. */
export type AgentSent = S['AgentSent'];
export type Greeting = S['Greeting'];
export type TurnDetection = S['TurnDetection'];
export type OwnTool = S['OwnToolSent'];
export type HttpTarget = Extract<S['TargetSent'], { type: 'http' }>;
export type LambdaTarget = Extract<S['TargetSent'], { type: 'lambda' }>;
export type TransferTarget = S['TransferTargetSent'];
export type KeyAction = S['KeyAction'];
export type McpServer = S['McpServerSent'];
export type OpeningHours = S['OpeningHoursSent'];
export type ToolSpec = S['ToolSpec'];
export type NumberEntry = S['Assignment'];
export type MusicFile = S['MusicFile'];
export type MusicStatus = S['MusicStatus'];
export type Message = S['Message'];
export type Callback = S['Callback'];
export type Checks = S['Checks'];
export type CheckedItem = S['CheckedItem'];
export type AccountNumber = S['AccountNumber'];
export type AccountNumbers = S['AccountNumbers'];
export type Hook = S['Hook'];
export type Trial = S['Tried'];
export type TestCall = S['TestCall'];
export type StreamTicket = S['StreamTicket'];
