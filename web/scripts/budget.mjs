/** What a first visit loads, as it travels: the page, all that it names, and the typeface. Run after the build; fails if it is too much. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const LARGEST_KB = 150;
const DIST = resolve(import.meta.dirname, '../dist');

const page = readFileSync(join(DIST, 'index.html'), 'utf8');
const named = [...page.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1]);
const letters = readdirSync(join(DIST, 'assets')).filter((name) => /^geist-latin-wght.*\.woff2$/.test(name)).map((name) => `assets/${name}`);
const parts = ['index.html', ...named, ...letters].map((name) => {
  const file = join(DIST, name);
  return { name, bytes: statSync(existsSync(`${file}.gz`) ? `${file}.gz` : file).size };
});
const sum = parts.reduce((total, { bytes }) => total + bytes, 0);
const line = (bytes, name) => `${(bytes / 1024).toFixed(1).padStart(7)} KB  ${name}\n`;
process.stdout.write(parts.map(({ name, bytes }) => line(bytes, name)).join('') + line(sum, `of ${LARGEST_KB} KB`));
if (letters.length !== 1 || named.length < 2 || sum > LARGEST_KB * 1024) {
  process.stderr.write('the first visit loads too much, or not what is expected\n');
  process.exit(1);
}
