/** The numbers of the Twilio account: where their calls go, bringing one here, and putting it back. */
import './account-numbers.css';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { ArrowRight, PhoneIncoming, Undo2, Unplug } from 'lucide-react';
import type { ReactElement } from 'react';
import { get, send } from '../api/client';
import type { AccountNumber, AccountNumbers, Hook, NumberEntry } from '../api/types';
import { moment } from '../lib/format';
import { useNow } from '../lib/now';
import { Link } from '../lib/router';
import { useMay } from '../lib/session';
import { Button, Copyable } from '../ui/controls';
import { Confirm } from '../ui/dialogs';
import { Empty, tell, Trouble, Waiting } from '../ui/feedback';

const LEADS: Record<AccountNumber['points'], { badge: string; words: string; mend?: string }> = {
  here: { badge: 'good', words: 'Leads here' },
  elsewhere: { badge: '', words: 'Leads elsewhere' },
  nowhere: { badge: 'warn', words: 'Leads nowhere' },
  application: {
    badge: 'warn',
    words: 'Answered by a TwiML app',
    mend: 'Twilio would not look at a webhook. → Take the app away in Twilio’s console (Phone Numbers, the number, Configure with: Webhook).',
  },
  trunk: {
    badge: 'warn',
    words: 'Answered by a SIP trunk',
    mend: 'Twilio would not look at a webhook. → Take the trunk away in Twilio’s console (Elastic SIP Trunking).',
  },
  no_voice: { badge: 'warn', words: 'Takes no calls', mend: 'It has no Voice. → Another number is needed.' },
};

function told(hook: Hook | null | undefined): string {
  return hook ? `${hook.method} ${hook.url}` : 'nothing';
}

function Change({ what, from, to }: { what: string; from: string; to: string }) {
  return (
    <>
      <dt>{what}</dt>
      <dd>
        <code>{from}</code> <ArrowRight aria-label="becomes" role="img" /> <code>{to}</code>
      </dd>
    </>
  );
}

interface Settings {
  voice: string;
  status: string;
}

/** What is changed, as it is and as it will be. */
function FromTo({ from, to }: { from: Settings; to: Settings }) {
  return (
    <dl className="from-to">
      <Change what="A call comes in" from={from.voice} to={to.voice} />
      <Change what="Call status changes" from={from.status} to={to.status} />
    </dl>
  );
}

interface ActionProps {
  number: AccountNumber;
  ours: Settings;
}

function PointHere({ number, ours }: ActionProps) {
  const again = useAgain();
  return (
    <Confirm
      kind="primary"
      trigger={
        <Button size="small">
          <PhoneIncoming aria-hidden="true" /> Point here
        </Button>
      }
      title={`Point ${number.number} here?`}
      action="Point here"
      onConfirm={async () => {
        await again(send('POST', `/api/twilio/numbers/${number.sid}/point`));
        tell(`${number.number} leads here from the next call on`);
      }}
    >
      <p>What it is set to now is kept, and can be put back.</p>
      <FromTo from={{ voice: told(number.voice), status: told(number.status_callback) }} to={ours} />
    </Confirm>
  );
}

function Undo({ number }: Pick<ActionProps, 'number'>) {
  const again = useAgain();
  const { undo } = number;
  if (!undo) return null;
  return (
    <Confirm
      kind="primary"
      trigger={
        <Button size="small" kind="quiet" disabled={!undo.open}>
          <Undo2 aria-hidden="true" /> Undo
        </Button>
      }
      title={`Put ${number.number} back?`}
      action="Put back"
      onConfirm={async () => {
        await again(send('POST', `/api/twilio/numbers/${number.sid}/undo`));
        tell(`${number.number} leads where it led before`);
      }}
    >
      <p>Its calls do not come here any more.</p>
      <FromTo
        from={{ voice: told(number.voice), status: told(number.status_callback) }}
        to={{ voice: told(undo.voice), status: told(undo.status_callback) }}
      />
    </Confirm>
  );
}

/** Whatever came of it, the page shows what there is now. */
function useAgain(): (sent: Promise<unknown>) => Promise<void> {
  const queries = useQueryClient();
  return async (sent) => {
    try {
      await sent;
    } finally {
      await queries.invalidateQueries({ queryKey: ['twilio', 'numbers'] });
    }
  };
}

function Row({ number, ours, agent }: ActionProps & { agent: string | undefined }): ReactElement {
  const now = useNow();
  const mayEdit = useMay('admin');
  const { badge, words, mend } = LEADS[number.points];
  const canPoint = number.points === 'elsewhere' || number.points === 'nowhere' || (number.points === 'here' && !number.tells_us);
  return (
    <tr>
      <td>
        {number.number}
        {number.name && number.name !== number.number && <div className="soft">{number.name}</div>}
      </td>
      <td className="wide">
        <span className={`badge ${badge}`}>{words}</span>
        {number.points === 'elsewhere' && <code className="block">{told(number.voice)}</code>}
        {number.points === 'here' && !number.tells_us && (
          <div className="soft">Nobody tells us how its calls end. → Point it here once more.</div>
        )}
        {mend && <div className="soft">{mend}</div>}
        {number.fallback && <div className="soft">If that fails: {told(number.fallback)}</div>}
        {number.undo && !number.undo.open && (
          <div className="soft">
            It was pointed here {moment(number.undo.at_ms, now)}, and somebody has changed it since: it is not put back from here.
          </div>
        )}
      </td>
      <td>{agent ? <Link to={`/agents/${agent}`}>{agent}</Link> : <span className="soft">default</span>}</td>
      <td className="number">
        {mayEdit && (
          <div className="actions">
            {number.undo && <Undo number={number} />}
            {canPoint && <PointHere number={number} ours={ours} />}
          </div>
        )}
      </td>
    </tr>
  );
}

function useAccountNumbers() {
  return useInfiniteQuery({
    queryKey: ['twilio', 'numbers'],
    queryFn: ({ pageParam, signal }) => get<AccountNumbers>(`/api/twilio/numbers${pageParam ? `?after=${pageParam}` : ''}`, signal),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
    retry: false,
  });
}

export function TwilioNumbers({ assigned }: { assigned: NumberEntry[] }) {
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useAccountNumbers();
  const first = data?.pages[0];
  const numbers = data?.pages.flatMap((page) => page.numbers) ?? [];
  const ours: Settings = { voice: `POST ${first?.webhook ?? ''}`, status: `POST ${first?.status_callback ?? ''}` };
  const agentOf = (number: string) => assigned.find((entry) => entry.number === number)?.agent;
  return (
    <section className="panel" aria-labelledby="at-twilio">
      <header>
        <h2 id="at-twilio">Numbers at Twilio</h2>
      </header>
      {isPending && <Waiting />}
      {error && <Trouble error={error} again={() => void refetch()} />}
      {first && !first.configured && (
        <Empty icon={Unplug} title="No Twilio account is configured">
          <p>
            Set <code>TWILIO_ACCOUNT_SID</code>, and <code>TWILIO_AUTH_TOKEN</code> or an API key, and start again. Simulated callers need no
            account: <code>voicebridge call --url {first.webhook}</code>
          </p>
        </Empty>
      )}
      {first?.configured && numbers.length === 0 && (
        <Empty icon={PhoneIncoming} title="The account has no number">
          <p>Buy one with Voice in Twilio’s console; it appears here.</p>
        </Empty>
      )}
      {numbers.length > 0 && (
        <table className="table cards">
          <thead>
            <tr>
              <th>Number</th>
              <th>Its calls</th>
              <th>Answered by</th>
              <th>
                <span className="hidden-text">Change</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {numbers.map((number) => (
              <Row key={number.sid} number={number} ours={ours} agent={agentOf(number.number)} />
            ))}
          </tbody>
        </table>
      )}
      {hasNextPage && (
        <div className="body">
          <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            More
          </Button>
        </div>
      )}
      {first && (
        <dl className="body facts">
          <dt>A call comes in</dt>
          <dd>
            <Copyable text={first.webhook} />
          </dd>
          <dt>Call status changes</dt>
          <dd>
            <Copyable text={first.status_callback} />
          </dd>
        </dl>
      )}
    </section>
  );
}
