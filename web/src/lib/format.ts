/** Numbers as people read them. */

/** `4:07`, `1:02:33`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const tail = String(seconds % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** `840 ms`, `1.4 s`, `12 s`. */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : seconds < 120 ? `${Math.round(seconds)} s` : clock(ms);
}

/** `$0.0123`, `$1.20`. */
export function dollars(value: number): string {
  return `$${value.toFixed(value > 0 && value < 0.1 ? 4 : 2)}`;
}

export function bytes(value: number): string {
  if (value < 1_024) return `${value} B`;
  const kilobytes = value / 1_024;
  return kilobytes < 1_024 ? `${kilobytes.toFixed(kilobytes < 10 ? 1 : 0)} KB` : `${(kilobytes / 1_024).toFixed(1)} MB`;
}

const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** `14:05` today, `21 Nov, 14:05` before. */
export function moment(unixMs: number, nowMs: number): string {
  const [then, now] = [new Date(unixMs), new Date(nowMs)];
  const at = time.format(then);
  return then.toDateString() === now.toDateString() ? at : `${day.format(then)}, ${at}`;
}

export function exactly(unixMs: number): string {
  return whole.format(new Date(unixMs));
}

/** `caller_hung_up` → `caller hung up`. */
export function words(name: string): string {
  return name.replaceAll('_', ' ');
}

export function sentence(name: string): string {
  const text = words(name);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Who calls from a page of the console, and whom. */
const BROWSER = 'browser';

/** Withheld numbers come as words or not at all. */
export function phone(number: string): string {
  return number === '' ? 'withheld' : number === BROWSER ? 'Test call' : number;
}
