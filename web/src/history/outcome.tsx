/** How a call ended, or that it has not. */
import type { Call } from '../api/types';
import { sentence } from '../lib/format';

export function Outcome({ call }: { call: Call }) {
  const { status } = call;
  if (status.status !== 'ended') return <span className="badge good">{status.status === 'ringing' ? 'Ringing' : 'Live'}</span>;
  const isBad = status.ending === 'model_unavailable' || status.ending === 'abandoned' || status.ending === 'spend_limit';
  return <span className={`badge ${isBad ? 'bad' : ''}`}>{sentence(status.ending)}</span>;
}
