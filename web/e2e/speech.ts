/** What a browser's microphone is given to hear: real speech, from the bridge's own demo, with silence around it. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { mulaw } from '../src/lib/wav';

const SPEECH = resolve(import.meta.dirname, '../../local/assets/speech');
const RATE = 8_000;

function wav(samples: Int16Array): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF');
  head.writeUInt32LE(36 + samples.byteLength, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(RATE * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([head, Buffer.from(samples.buffer)]);
}

/** A file for `--use-file-for-fake-audio-capture`: so many seconds of silence, the speech, and silence again. */
export function speechFile(name: string, before: number, after: number): string {
  const speech = readFileSync(join(SPEECH, `${name}.ulaw`));
  const samples = new Int16Array((before + after) * RATE + speech.length);
  samples.set(Int16Array.from(speech, (byte) => mulaw(byte) * 32_767), before * RATE);
  const file = join(mkdtempSync(join(tmpdir(), 'voicebridge-speech-')), `${name}.wav`);
  writeFileSync(file, wav(samples));
  return file;
}
