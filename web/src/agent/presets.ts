/** Agents to begin with: the project's examples, each under another name and id. */
import { sentence } from '../lib/format';

const FILES = import.meta.glob<string>('../../../examples/agents/*.yaml', { query: '?raw', import: 'default' });

/** The receptionist that an agent is of whom nothing is said. */
export const PLAIN = '';

export const PRESETS = Object.keys(FILES).map((path) => {
  const name = path.slice(path.lastIndexOf('/') + 1, -'.yaml'.length);
  return { value: path, label: sentence(name.replaceAll('-', '_')) };
});

/** The same document for another agent. Its first comment speaks of the example, and goes. */
export function renamed(yaml: string, id: string, name: string): string {
  const document = yaml.replace(/^(?:#.*\n)+/, '');
  return document.replace(/^id:.*$/m, `id: ${JSON.stringify(id)}`).replace(/^name:.*$/m, () => `name: ${JSON.stringify(name)}`);
}

export async function preset(path: string, id: string, name: string): Promise<string> {
  const yaml = await FILES[path]?.();
  if (yaml === undefined) throw new Error('There is no such example.');
  return renamed(yaml, id, name);
}
