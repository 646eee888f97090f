/** Places in a document, as the server names them: JSON Pointers. What is written at one leaves the rest as it was. */

function keys(pointer: string): string[] {
  return pointer.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function segment(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

export function read(document: unknown, pointer: string): unknown {
  return keys(pointer).reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined),
    document,
  );
}

/** `undefined` takes it away, and from a list its place with it. What is not there on the way is made. */
export function write<T>(document: T, pointer: string, value: unknown): T {
  return put(document, keys(pointer), value) as T;
}

function put(within: unknown, path: string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(within)) {
    const at = Number(key);
    if (rest.length === 0 && value === undefined) return within.filter((_, index) => index !== at);
    const copy = [...within];
    copy[at] = put(within[at], rest, value);
    return copy;
  }
  const { [key]: before, ...others } = (typeof within === 'object' && within !== null ? within : {}) as Record<string, unknown>;
  const after = put(before, rest, value);
  if (after === undefined) return others;
  // In its place, so that a change of a value is no change of the order.
  const whole = within as Record<string, unknown> | null;
  return typeof whole === 'object' && whole !== null && key in whole ? { ...whole, [key]: after } : { ...others, [key]: after };
}

/** Whether a fault at one place is a fault of what is at another. */
export function isWithin(pointer: string, outer: string): boolean {
  return pointer === outer || pointer.startsWith(`${outer}/`);
}
