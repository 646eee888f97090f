/** Words as the search knows them (`shared/src/search.rs`), to show where in a line they were said. */

const RUN = /[\p{Alphabetic}\p{N}]+/gu;
/** Scripts that put no spaces between words: they are looked for by pairs of letters. */
const UNSPACED = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]/u;

function runs(text: string): { at: number; letters: string[] }[] {
  return [...text.matchAll(RUN)].map((match) => ({ at: match.index, letters: [...match[0]] }));
}

function pairs(letters: string[]): string[] {
  return letters.slice(1).map((letter, number) => `${letters[number]}${letter}`.toLowerCase());
}

/** What is looked for. */
export function wordsOf(text: string): ReadonlySet<string> {
  return new Set(
    runs(text).flatMap(({ letters }) => {
      const run = letters.join('');
      if (UNSPACED.test(run)) return pairs(letters);
      return letters.length > 1 ? [run.toLowerCase()] : [];
    }),
  );
}

export interface Part {
  text: string;
  isHit: boolean;
}

/** A text in pieces, of which some are what was looked for. */
export function marked(text: string, wanted: ReadonlySet<string>): Part[] {
  if (wanted.size === 0) return [{ text, isHit: false }];
  const parts: Part[] = [];
  const add = (piece: string, isHit: boolean) => {
    const last = parts.at(-1);
    if (last && last.isHit === isHit) last.text += piece;
    else if (piece !== '') parts.push({ text: piece, isHit });
  };
  let done = 0;
  for (const { at, letters } of runs(text)) {
    add(text.slice(done, at), false);
    const run = letters.join('');
    if (UNSPACED.test(run)) {
      const hit = pairs(letters).map((pair) => wanted.has(pair));
      letters.forEach((letter, number) => add(letter, (hit[number] ?? false) || (hit[number - 1] ?? false)));
    } else {
      add(run, wanted.has(run.toLowerCase()));
    }
    done = at + run.length;
  }
  add(text.slice(done), false);
  return parts;
}

/** How many of the words are in a text. */
export function hits(text: string, wanted: ReadonlySet<string>): number {
  const said = wordsOf(text);
  return [...wanted].filter((word) => said.has(word)).length;
}
