/** What callers have left for people: messages, and requests to be called back. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Inbox, PhoneOutgoing, X } from 'lucide-react';
import { get, send } from '../api/client';
import type { Callback, Message } from '../api/types';
import { exactly, moment } from '../lib/format';
import { useNow } from '../lib/now';
import { Link } from '../lib/router';
import { useMay } from '../lib/session';
import { useTitle } from '../lib/title';
import { Button } from '../ui/controls';
import { Confirm } from '../ui/dialogs';
import { Empty, tell, Trouble, Waiting } from '../ui/feedback';

const EVERY_MS = 10_000;
const MOST = 200;

/** `tel:` takes digits; anything else is only shown. */
function Number({ number }: { number: string }) {
  return /^\+\d{2,15}$/.test(number) ? <a href={`tel:${number}`}>{number}</a> : <span>{number}</span>;
}

function Callbacks({ callbacks }: { callbacks: Callback[] }) {
  const now = useNow();
  const queries = useQueryClient();
  const mayOperate = useMay('operator');
  const cancel = async ({ call, id }: Callback) => {
    await send('DELETE', `/api/callbacks/${call}/${id}`);
    await queries.invalidateQueries({ queryKey: ['callbacks'] });
    tell('The callback is cancelled');
  };
  return (
    <ul className="letters">
      {callbacks.map((callback) => {
        const isLate = callback.state === 'requested' && callback.due_at_ms < now;
        return (
          <li key={`${callback.call} ${callback.id}`} className={callback.state === 'cancelled' ? 'done' : ''}>
            <div className="row wrap">
              <strong>
                <Number number={callback.number} />
              </strong>
              {callback.state === 'cancelled' ? (
                <span className="badge">Cancelled</span>
              ) : (
                <span className={`badge ${isLate ? 'bad' : 'info'}`} title={exactly(callback.due_at_ms)}>
                  {isLate ? 'was due' : 'due'} {moment(callback.due_at_ms, now)}
                </span>
              )}
            </div>
            <p>{callback.why}</p>
            <div className="row small">
              <Link to={`/calls/${callback.call}`}>The call</Link>
              <span className="faint grow">asked {moment(callback.requested_at_ms, now)}</span>
              {callback.state === 'requested' && mayOperate && (
                <Confirm
                  trigger={
                    <Button size="small" kind="quiet">
                      <X aria-hidden="true" /> Cancel
                    </Button>
                  }
                  title="Cancel this callback?"
                  action="Cancel it"
                  onConfirm={() => cancel(callback)}
                >
                  It stays in the list, as cancelled.
                </Confirm>
              )}
            </div>
          </li>
        );
      })}
    </ul>
  );
}

function Messages({ messages }: { messages: Message[] }) {
  const now = useNow();
  return (
    <ul className="letters">
      {messages.map((message) => (
        <li key={`${message.call} ${message.id}`}>
          <div className="row wrap">
            <strong>{message.name ?? 'Somebody'}</strong>
            {message.number && <Number number={message.number} />}
          </div>
          <p>{message.text}</p>
          <div className="row small">
            <Link to={`/calls/${message.call}`}>The call</Link>
            <span className="faint" title={exactly(message.taken_at_ms)}>
              {moment(message.taken_at_ms, now)}
            </span>
          </div>
        </li>
      ))}
    </ul>
  );
}

export default function MessagesPage() {
  const messages = useQuery({
    queryKey: ['messages'],
    queryFn: ({ signal }) => get<{ messages: Message[] }>(`/api/messages?limit=${MOST}`, signal),
    refetchInterval: EVERY_MS,
  });
  const callbacks = useQuery({
    queryKey: ['callbacks'],
    queryFn: ({ signal }) => get<{ callbacks: Callback[] }>(`/api/callbacks?limit=${MOST}`, signal),
    refetchInterval: EVERY_MS,
  });
  useTitle('Messages');
  return (
    <div className="page">
      <div className="page-head">
        <h1>Messages and callbacks</h1>
        <p>Nobody is called back by the bridge: these are for people.</p>
      </div>
      <div className="halves">
        <section className="panel" aria-labelledby="callbacks">
          <header>
            <h2 id="callbacks">Callbacks</h2>
          </header>
          {callbacks.isPending && <Waiting />}
          {callbacks.error && <Trouble error={callbacks.error} />}
          {callbacks.data?.callbacks.length === 0 && (
            <Empty icon={PhoneOutgoing} title="Nobody waits to be called back">
              <p>
                Agents note requests with the tool <code>schedule_callback</code>.
              </p>
            </Empty>
          )}
          {callbacks.data && <Callbacks callbacks={callbacks.data.callbacks} />}
        </section>
        <section className="panel" aria-labelledby="messages">
          <header>
            <h2 id="messages">Messages</h2>
          </header>
          {messages.isPending && <Waiting />}
          {messages.error && <Trouble error={messages.error} />}
          {messages.data?.messages.length === 0 && (
            <Empty icon={Inbox} title="No messages">
              <p>
                Agents take messages with the tool <code>take_message</code>.
              </p>
            </Empty>
          )}
          {messages.data && <Messages messages={messages.data.messages} />}
        </section>
      </div>
    </div>
  );
}
