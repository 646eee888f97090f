import { expect, test } from 'vitest';
import { base64 } from './codec';
import { KEYS, Leg, streamSid } from './leg';

const leg = () => new Leg('CA1', 'MZ1');
const read = (text: string) => JSON.parse(text) as Record<string, unknown>;
const told = (message: object) => leg().hear(JSON.stringify(message));

test('a stream begins as Twilio begins it, with the token among its parameters', () => {
  const [connected, start] = leg().opening('secret').map(read);
  expect(connected).toEqual({ event: 'connected', protocol: 'Call', version: '1.0.0' });
  expect(start).toMatchObject({
    event: 'start', sequenceNumber: '1', streamSid: 'MZ1',
    start: {
      callSid: 'CA1', streamSid: 'MZ1', tracks: ['inbound'], customParameters: { token: 'secret' },
      mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8_000, channels: 1 },
    },
  });
});

test('every message has its number, and every frame its place in time, also behind one that was not sent', () => {
  const said = leg();
  said.opening('t');
  const frame = new Uint8Array(160).fill(0xff);
  expect(read(said.frame(frame))).toEqual({
    event: 'media', sequenceNumber: '2', streamSid: 'MZ1',
    media: { track: 'inbound', chunk: '1', timestamp: '0', payload: base64(frame) },
  });
  expect(read(said.key('#'))).toMatchObject({ event: 'dtmf', sequenceNumber: '3', dtmf: { digit: '#', track: 'inbound_track' } });
  said.skip();
  expect(read(said.frame(frame))).toMatchObject({ sequenceNumber: '4', media: { chunk: '3', timestamp: '40' } });
  expect(read(said.mark('m'))).toMatchObject({ event: 'mark', sequenceNumber: '5', mark: { name: 'm' } });
  expect(read(said.stop())).toMatchObject({ event: 'stop', sequenceNumber: '6', stop: { callSid: 'CA1' } });
});

test('what the bridge says is sound, a mark, or that all of it is dropped', () => {
  expect(told({ event: 'media', streamSid: 'MZ1', media: { payload: btoa('\u00ff\u00ff') } })).toMatchObject({ kind: 'play', sound: { length: 2 } });
  expect(told({ event: 'mark', streamSid: 'MZ1', mark: { name: '7' } })).toEqual({ kind: 'mark', name: '7' });
  expect(told({ event: 'clear', streamSid: 'MZ1' })).toEqual({ kind: 'clear' });
});

test('what is not understood, or is another stream’s, is passed over', () => {
  const strange = [
    { event: 'clear', streamSid: 'MZ2' }, { event: 'clear' }, { event: 'dance', streamSid: 'MZ1' },
    { event: 'media', streamSid: 'MZ1' }, { event: 'media', streamSid: 'MZ1', media: { payload: '!' } }, { event: 'mark', streamSid: 'MZ1', mark: {} },
  ];
  for (const message of strange) expect(told(message)).toBeNull();
  expect(leg().hear('no json')).toBeNull();
  expect(leg().hear('null')).toBeNull();
});

test('a stream has a name of its own, as Twilio gives them, and a telephone twelve keys', () => {
  expect(streamSid()).toMatch(/^MZ[0-9a-f]{32}$/);
  expect(streamSid()).not.toBe(streamSid());
  expect(KEYS.join('')).toBe('123456789*0#');
});
