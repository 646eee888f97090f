/** A recording as a picture: the loudest of each stretch, on each side. Reads the WAV files that the bridge writes. */

export interface Wave {
  durationMs: number;
  /** Of each channel, 0 to 1, one value a stretch. */
  peaks: Float32Array[];
}

interface Sound {
  format: number;
  channels: number;
  rate: number;
  bits: number;
  data: DataView;
}

const PCM = 1;
const MULAW = 7;

/** What a byte of µ-law means, from −1 to 1. */
export function mulaw(byte: number): number {
  const inverted = ~byte & 0xff;
  const magnitude = (((inverted & 0x0f) << 3) + 0x84) << ((inverted & 0x70) >> 4);
  const value = (magnitude - 0x84) / 32_768;
  return inverted & 0x80 ? -value : value;
}

function parse(buffer: ArrayBuffer): Sound | null {
  const view = new DataView(buffer);
  const tag = (at: number) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (buffer.byteLength < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE') return null;
  let head: Omit<Sound, 'data'> | null = null;
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const size = Math.min(view.getUint32(at + 4, true), buffer.byteLength - at - 8);
    if (tag(at) === 'fmt ' && size >= 16) {
      const format = view.getUint16(at + 8, true);
      const channels = view.getUint16(at + 10, true);
      head = { format, channels, rate: view.getUint32(at + 12, true), bits: view.getUint16(at + 22, true) };
    } else if (tag(at) === 'data' && head && head.channels > 0) {
      return { ...head, data: new DataView(buffer, at + 8, size) };
    }
    at += 8 + size + (size % 2);
  }
  return null;
}

const MULAW_VALUES = Float32Array.from({ length: 256 }, (_, byte) => Math.abs(mulaw(byte)));

function loudness({ format, bits, data }: Sound): ((sample: number) => number) | null {
  if (format === MULAW && bits === 8) return (sample) => MULAW_VALUES[data.getUint8(sample)]!;
  if (format === PCM && bits === 16) return (sample) => Math.abs(data.getInt16(sample * 2, true)) / 32_768;
  return null;
}

/** `null`: not a file of ours. */
export function wave(buffer: ArrayBuffer, stretches: number): Wave | null {
  const sound = parse(buffer);
  const at = sound && loudness(sound);
  if (!sound || !at) return null;
  const frames = Math.floor(sound.data.byteLength / ((sound.bits / 8) * sound.channels));
  const peaks = Array.from({ length: sound.channels }, () => new Float32Array(stretches));
  for (let frame = 0; frame < frames; frame++) {
    const stretch = Math.min(stretches - 1, Math.floor((frame / frames) * stretches));
    for (let channel = 0; channel < sound.channels; channel++) {
      const value = at(frame * sound.channels + channel);
      const side = peaks[channel]!;
      if (value > side[stretch]!) side[stretch] = value;
    }
  }
  return { durationMs: (frames / sound.rate) * 1_000, peaks };
}
