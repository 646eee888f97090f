/** A text in which what was looked for is seen at once. */
import { marked } from '../lib/words';

export function Marked({ text, wanted }: { text: string; wanted: ReadonlySet<string> }) {
  let at = 0;
  return marked(text, wanted).map(({ text, isHit }) => {
    const key = at;
    at += text.length;
    return isHit ? <mark key={key}>{text}</mark> : text;
  });
}
