/** Microphone and speakers of a test call. Sound is made and unmade in the worklets; here they are wired up. */
// oxlint-disable import/default -- what is imported is the address of a file of its own: the page's policy lets no other in
import capture from './capture.worklet.ts?worker&url';
import playback from './playback.worklet.ts?worker&url';
// oxlint-enable import/default
import type { FromPlayback, ToPlayback } from './playback.worklet';

export interface Ears {
  /** 20 ms of the microphone's, as µ-law. */
  frame: (mulaw: Uint8Array) => void;
  /** What stood before these has been heard, or was cleared. */
  marks: (names: string[]) => void;
  levels: (change: { caller?: number; agent?: number }) => void;
  unplugged: () => void;
}

function wanted(device: string | null): MediaStreamConstraints {
  const usual = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  return { audio: device ? { ...usual, deviceId: { exact: device } } : usual };
}

/** Throws what the browser throws. */
export function openMicrophone(device: string | null): Promise<MediaStream> {
  return navigator.mediaDevices.getUserMedia(wanted(device));
}

export class Handset {
  private readonly capture: AudioWorkletNode;
  private readonly playback: AudioWorkletNode;
  private source: MediaStreamAudioSourceNode | null = null;
  private isMuted = false;

  private constructor(
    private readonly context: AudioContext,
    private microphone: MediaStream,
    private readonly ears: Ears,
  ) {
    this.capture = new AudioWorkletNode(context, 'capture', { numberOfInputs: 1, numberOfOutputs: 0 });
    this.capture.port.addEventListener('message', ({ data }: MessageEvent<{ mulaw: Uint8Array; level: number }>) => {
      ears.frame(data.mulaw);
      ears.levels({ caller: data.level });
    });
    this.playback = new AudioWorkletNode(context, 'playback', { numberOfInputs: 0, outputChannelCount: [1] });
    this.playback.port.addEventListener('message', ({ data }: MessageEvent<FromPlayback>) => {
      if ('marks' in data) ears.marks(data.marks);
      else ears.levels({ agent: data.level });
    });
    for (const { port } of [this.capture, this.playback]) port.start();
    this.playback.connect(context.destination);
  }

  static async open(microphone: MediaStream, ears: Ears): Promise<Handset> {
    const context = new AudioContext({ latencyHint: 'interactive' });
    try {
      await Promise.all([context.audioWorklet.addModule(capture), context.audioWorklet.addModule(playback)]);
      await context.resume();
      return new Handset(context, microphone, ears);
    } catch (error) {
      await context.close();
      throw error;
    }
  }

  /** The microphone is heard from here on. */
  listen(): void {
    this.wire();
  }

  private wire(): void {
    this.source?.disconnect();
    this.source = this.context.createMediaStreamSource(this.microphone);
    this.source.connect(this.capture);
    for (const track of this.microphone.getAudioTracks()) {
      track.enabled = !this.isMuted;
      track.addEventListener('ended', () => this.ears.unplugged());
    }
  }

  private tell(message: ToPlayback): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has none
    this.playback.port.postMessage(message);
  }

  play(sound: Float32Array): void {
    this.tell({ sound });
  }

  mark(name: string): void {
    this.tell({ mark: name });
  }

  clear(): void {
    this.tell({ clear: true });
  }

  /** A muted microphone is silence, and not nothing: as on a telephone. */
  mute(isMuted: boolean): void {
    this.isMuted = isMuted;
    for (const track of this.microphone.getAudioTracks()) track.enabled = !isMuted;
  }

  /** Another microphone, in the middle of the call. */
  async change(device: string | null): Promise<void> {
    const next = await openMicrophone(device);
    release(this.microphone);
    this.microphone = next;
    this.wire();
  }

  close(): void {
    release(this.microphone);
    for (const { port } of [this.capture, this.playback]) port.close();
    void this.context.close();
  }
}

/** `stop` by us is no `ended`. */
export function release(microphone: MediaStream): void {
  for (const track of microphone.getTracks()) track.stop();
}
