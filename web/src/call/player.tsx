/** A call's recording: both sides as a picture, and a playhead that the transcript follows. */
import { useQuery } from '@tanstack/react-query';
import { Pause, Play } from 'lucide-react';
import { type KeyboardEvent, type RefObject, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { ApiError, ask, get } from '../api/client';
import type { RecordingLink } from '../api/types';
import { clock } from '../lib/format';
import { whenRecoloured } from '../lib/theme';
import { type Wave, wave } from '../lib/wav';
import { Button, IconButton } from '../ui/controls';

/** Stretches of the picture: more than a screen has places for. */
const STRETCHES = 900;
const STEP_MS = 5_000;
/** Of a call that has just ended the recording is joined while one waits. */
const ASK_AGAIN_MS = 3_000;
const PATIENCE_MS = 120_000;

export interface Sound {
  url: string;
  /** What came whole; a long recording is fetched piece by piece by the player itself. */
  blob: Blob | null;
  wave: Wave | null;
}

async function load(sid: string, signal: AbortSignal): Promise<Sound | null> {
  try {
    const response = await ask(`/calls/${sid}/recording`, { signal, redirect: 'manual' });
    if (response.type === 'opaqueredirect') {
      const link = await get<RecordingLink>(`/api/calls/${sid}/recording/url`, signal);
      return { url: link.url, blob: null, wave: null };
    }
    const blob = await response.blob();
    return { url: URL.createObjectURL(blob), blob, wave: wave(await blob.arrayBuffer(), STRETCHES) };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** `undefined`: not known yet; `null`: there is none. */
export function useRecording(sid: string, endedAtMs: number | null): Sound | null | undefined {
  const query = useQuery({
    queryKey: ['recording', sid],
    queryFn: ({ signal }) => load(sid, signal),
    enabled: endedAtMs !== null,
    staleTime: 4 * 60_000,
    // Its address is gone with the page that showed it.
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchInterval: ({ state }) =>
      state.data === null && endedAtMs !== null && Date.now() - endedAtMs < PATIENCE_MS ? ASK_AGAIN_MS : false,
  });
  const url = query.data?.blob ? query.data.url : null;
  useEffect(() => (url ? () => URL.revokeObjectURL(url) : undefined), [url]);
  return query.data;
}

export interface Player {
  audio: RefObject<HTMLAudioElement | null>;
  ms: number;
  isPlaying: boolean;
  durationMs: number;
  playFrom: (ms: number) => void;
  seek: (ms: number) => void;
  toggle: () => void;
  setRate: (rate: number) => void;
}

/** It waits at a moment that somebody was led to. */
export function usePlayer(sound: Sound | null | undefined, startMs: number | null): Player {
  const audio = useRef<HTMLAudioElement>(null);
  const [ms, setMs] = useState(0);
  const [isPlaying, setPlaying] = useState(false);
  const [durationMs, setDuration] = useState(0);
  useEffect(() => {
    const element = audio.current;
    if (!element || !sound) return;
    const measure = () => setDuration(Number.isFinite(element.duration) ? element.duration * 1_000 : 0);
    const moved = () => setMs(element.currentTime * 1_000);
    const listeners: [string, () => void][] = [
      ['loadedmetadata', measure], ['timeupdate', moved], ['seeking', moved], ['play', () => setPlaying(true)],
      ['pause', () => setPlaying(false)], ['ended', () => setPlaying(false)],
    ];
    for (const [name, listener] of listeners) element.addEventListener(name, listener);
    return () => {
      for (const [name, listener] of listeners) element.removeEventListener(name, listener);
    };
  }, [sound]);
  useEffect(() => {
    if (audio.current && sound && startMs !== null) audio.current.currentTime = startMs / 1_000;
  }, [sound, startMs]);
  useEffect(() => {
    if (!isPlaying) return;
    let frame = 0;
    const follow = () => {
      if (audio.current) setMs(audio.current.currentTime * 1_000);
      frame = requestAnimationFrame(follow);
    };
    frame = requestAnimationFrame(follow);
    return () => cancelAnimationFrame(frame);
  }, [isPlaying]);
  const seek = useCallback((to: number) => {
    if (audio.current) audio.current.currentTime = Math.max(0, to) / 1_000;
  }, []);
  const playFrom = useCallback(
    (from: number) => {
      seek(from);
      void audio.current?.play();
    },
    [seek],
  );
  const toggle = useCallback(() => {
    const element = audio.current;
    if (!element) return;
    if (element.paused) void element.play();
    else element.pause();
  }, []);
  const setRate = useCallback((rate: number) => {
    if (audio.current) audio.current.playbackRate = rate;
  }, []);
  return useMemo(
    () => ({ audio, ms, isPlaying, durationMs: sound?.wave?.durationMs ?? durationMs, playFrom, seek, toggle, setRate }),
    [ms, isPlaying, durationMs, sound, playFrom, seek, toggle, setRate],
  );
}

function draw(canvas: HTMLCanvasElement, picture: Wave): void {
  const style = getComputedStyle(canvas);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const scale = window.devicePixelRatio;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.scale(scale, scale);
  const bars = Math.floor(width / 3);
  const lane = height / picture.peaks.length;
  picture.peaks.forEach((side, channel) => {
    context.fillStyle = style.getPropertyValue(channel === 0 ? '--caller-now' : '--agent-now');
    for (let bar = 0; bar < bars; bar++) {
      const [from, to] = [Math.floor((bar / bars) * side.length), Math.ceil(((bar + 1) / bars) * side.length)];
      const peak = side.subarray(from, to).reduce((most, value) => Math.max(most, value), 0);
      const tall = Math.max(1, Math.sqrt(peak) * (lane - 4));
      context.fillRect(bar * 3, lane * channel + (lane - tall) / 2, 2, tall);
    }
  });
}

function Picture({ picture }: { picture: Wave }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const paint = () => draw(element, picture);
    paint();
    const sizes = new ResizeObserver(paint);
    sizes.observe(element);
    const stopListening = whenRecoloured(paint);
    return () => {
      sizes.disconnect();
      stopListening();
    };
  }, [picture]);
  return <canvas ref={canvas} className="picture" aria-hidden="true" />;
}

const KEYS: Record<string, (ms: number, whole: number) => number> = {
  ArrowLeft: (ms) => ms - STEP_MS,
  ArrowDown: (ms) => ms - STEP_MS,
  ArrowRight: (ms) => ms + STEP_MS,
  ArrowUp: (ms) => ms + STEP_MS,
  Home: () => 0,
  End: (_, whole) => whole,
};

export function PlayerBar({ player, sound }: { player: Player; sound: Sound }) {
  const { audio, ms, durationMs, isPlaying, seek, toggle } = player;
  const [rate, setShownRate] = useState(1);
  const share = durationMs > 0 ? Math.min(1, ms / durationMs) : 0;
  const playhead = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (playhead.current) playhead.current.style.left = `${share * 100}%`;
  }, [share]);
  const faster = () => {
    const next = rate === 1 ? 1.5 : rate === 1.5 ? 2 : 1;
    setShownRate(next);
    player.setRate(next);
  };
  const press = (event: KeyboardEvent) => {
    const to = KEYS[event.key]?.(ms, durationMs);
    if (to === undefined) return;
    event.preventDefault();
    seek(Math.min(durationMs, to));
  };
  return (
    <section className="player panel" aria-label="Recording">
      {/* oxlint-disable-next-line jsx-a11y/media-has-caption -- the transcript is beside it, and the captions are a file to export */}
      <audio ref={audio} src={sound.url} preload="metadata" />
      <IconButton label={isPlaying ? 'Pause' : 'Play'} kind="primary" onClick={toggle}>
        {isPlaying ? <Pause aria-hidden="true" /> : <Play aria-hidden="true" />}
      </IconButton>
      <span className="time">{clock(ms)}</span>
      <div
        className="track"
        role="slider"
        tabIndex={0}
        aria-label="Position in the recording"
        aria-valuemin={0}
        aria-valuemax={Math.round(durationMs / 1_000)}
        aria-valuenow={Math.round(ms / 1_000)}
        aria-valuetext={`${clock(ms)} of ${clock(durationMs)}`}
        onKeyDown={press}
        onPointerDown={({ currentTarget, clientX }) => {
          const { left, width } = currentTarget.getBoundingClientRect();
          seek(((clientX - left) / width) * durationMs);
        }}
      >
        {sound.wave ? <Picture picture={sound.wave} /> : <span className="rail" />}
        <span className="playhead" ref={playhead} />
      </div>
      <span className="time">{clock(durationMs)}</span>
      <Button size="small" kind="quiet" onClick={faster} aria-label={`Speed: ${rate} times`}>
        {rate}×
      </Button>
    </section>
  );
}
