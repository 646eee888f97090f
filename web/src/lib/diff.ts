/** What differs between two texts, line by line: the longest common subsequence is what stayed. */

export interface DiffLine {
  kind: 'same' | 'added' | 'removed';
  text: string;
  /** Numbers in the text before and in the text after, from 1. */
  before: number | null;
  after: number | null;
}

/** `table[i][j]`: how many lines the rests from i and j have in common. */
function common(before: string[], after: string[]): Uint32Array[] {
  const table = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i--) {
    const [row, below] = [table[i]!, table[i + 1]!];
    for (let j = after.length - 1; j >= 0; j--) {
      row[j] = before[i] === after[j] ? below[j + 1]! + 1 : Math.max(below[j]!, row[j + 1]!);
    }
  }
  return table;
}

export function diff(old: string, young: string): DiffLine[] {
  const [before, after] = [old.split('\n'), young.split('\n')];
  const table = common(before, after);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ kind: 'same', text: before[i]!, before: ++i, after: ++j });
    } else if (i < before.length && (j >= after.length || table[i + 1]![j]! >= table[i]![j + 1]!)) {
      lines.push({ kind: 'removed', text: before[i]!, before: ++i, after: null });
    } else {
      lines.push({ kind: 'added', text: after[j]!, before: null, after: ++j });
    }
  }
  return lines;
}

/** Only what changed, with a few lines around it; `null` stands for what was left out. */
export function hunks(lines: DiffLine[], around = 3): (DiffLine | null)[] {
  const near = new Set<number>();
  lines.forEach((line, at) => {
    if (line.kind === 'same') return;
    for (let close = at - around; close <= at + around; close++) near.add(close);
  });
  const shown: (DiffLine | null)[] = [];
  lines.forEach((line, at) => {
    if (near.has(at)) shown.push(line);
    else if (shown.at(-1) !== null && (shown.length > 0 || near.size > 0)) shown.push(null);
  });
  return shown;
}
