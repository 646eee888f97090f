/** A telephone's keys, for those of the mouse and those of the keyboard. */
import { type Key, KEYS } from './leg';

const NAMES: Partial<Record<Key, string>> = { '*': 'Star', '#': 'Pound' };

export function Keypad({ disabled, press }: { disabled: boolean; press: (key: Key) => void }) {
  return (
    <div className="keypad" role="group" aria-label="Keypad">
      {KEYS.map((key) => (
        <button key={key} type="button" className="button" disabled={disabled} aria-label={NAMES[key] ?? key} onClick={() => press(key)}>
          {key}
        </button>
      ))}
    </div>
  );
}
