/** Where the way back from a call leads: to the search that found it. */
let last = '/calls';

export function rememberSearch(address: string): void {
  last = address;
}

export function lastSearch(): string {
  return last;
}
