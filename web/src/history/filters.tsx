/** What one looks for: words, and all that narrows them down. */
import { useQuery } from '@tanstack/react-query';
import { type LucideIcon, Phone, Search } from 'lucide-react';
import { useEffect, useState } from 'react';
import { get } from '../api/client';
import type { AgentTitle, Ending } from '../api/types';
import { USUAL_NAME } from '../lib/agent-name';
import { sentence } from '../lib/format';
import { Select } from '../ui/choices';
import { RangeSelect } from '../ui/range';
import { ANY, type Wanted } from './wanted';

const ENDINGS: Ending[] = [
  'caller_hung_up', 'agent_hung_up', 'operator_hung_up', 'transferred', 'caller_silent', 'longest_call', 'spend_limit',
  'abandoned', 'model_unavailable',
];

/** Nobody is asked for every letter. */
const PAUSE_MS = 300;

interface TextProps {
  icon: LucideIcon;
  label: string;
  placeholder: string;
  value: string;
  className: string;
  onChange: (value: string) => void;
}

function SearchText({ icon: Icon, label, placeholder, value, className, onChange }: TextProps) {
  const [text, setText] = useState(value);
  const [known, setKnown] = useState(value);
  // It may change by itself: the browser goes back.
  if (known !== value) {
    setKnown(value);
    setText(value);
  }
  useEffect(() => {
    if (text === value) return;
    const timer = window.setTimeout(() => onChange(text), PAUSE_MS);
    return () => window.clearTimeout(timer);
  });
  return (
    <div className={`search ${className}`}>
      <Icon aria-hidden="true" />
      <input
        className="input"
        type="search"
        aria-label={label}
        placeholder={placeholder}
        value={text}
        onChange={({ target }) => setText(target.value)}
        onKeyDown={({ key }) => key === 'Enter' && onChange(text)}
      />
    </div>
  );
}

/** The agent of the environment is in no list. */
const OWN_AGENT = { value: 'default', label: USUAL_NAME };

interface FiltersProps {
  wanted: Wanted;
  onChange: (change: Partial<Wanted>, how: 'push' | 'replace') => void;
}

export function Filters({ wanted, onChange }: FiltersProps) {
  const agents = useQuery({ queryKey: ['agents'], queryFn: ({ signal }) => get<{ agents: AgentTitle[] }>('/api/agents', signal) });
  const stored = (agents.data?.agents ?? []).map(({ id, name }) => ({ value: id, label: name }));
  const known = stored.some(({ value }) => value === OWN_AGENT.value) ? stored : [OWN_AGENT, ...stored];
  const isGone = wanted.agent !== ANY && !known.some(({ value }) => value === wanted.agent);
  const choices = [{ value: ANY, label: 'Any agent' }, ...known, ...(isGone ? [{ value: wanted.agent, label: wanted.agent }] : [])];
  return (
    <search className="filters">
      <SearchText
        icon={Search}
        className="words"
        label="Words"
        placeholder="Words that were said"
        value={wanted.words}
        onChange={(words) => onChange({ words }, 'replace')}
      />
      <SearchText
        icon={Phone}
        className="digits"
        label="Number"
        placeholder="Number"
        value={wanted.number}
        onChange={(number) => onChange({ number }, 'replace')}
      />
      <Select label="Agent" value={wanted.agent} choices={choices} onChange={(agent) => onChange({ agent }, 'push')} />
      <Select
        label="Outcome"
        value={wanted.ending}
        choices={[{ value: ANY, label: 'Any outcome' }, ...ENDINGS.map((value) => ({ value, label: sentence(value) }))]}
        onChange={(ending) => onChange({ ending }, 'push')}
      />
      <RangeSelect range={wanted.range} onChange={(range) => onChange({ range }, 'push')} />
    </search>
  );
}
