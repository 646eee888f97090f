/** How calls ended, most frequent first; each leads to those calls. */
import type { Insights } from '../api/types';
import { sentence } from '../lib/format';
import { Link } from '../lib/router';

const BAD = new Set(['model_unavailable', 'abandoned', 'spend_limit']);

export function Endings({ endings, search }: { endings: Insights['endings']; search: string }) {
  const all = Object.entries(endings).toSorted(([, one], [, other]) => other - one);
  const sum = all.reduce((sum, [, count]) => sum + count, 0);
  return (
    <section className="panel chart" aria-labelledby="endings">
      <header>
        <div className="grow">
          <h2 id="endings">How calls ended</h2>
          <p className="faint small">Each leads to those calls</p>
        </div>
      </header>
      <ul className="endings">
        {all.map(([ending, count]) => (
          <li key={ending}>
            <Link to={`/calls?outcome=${ending}${search && `&${search}`}`}>{sentence(ending)}</Link>
            <span className="number">
              {count.toLocaleString()} <span className="faint">{Math.round((count / sum) * 100)} %</span>
            </span>
            <svg className={BAD.has(ending) ? 'two' : 'one'} aria-hidden="true">
              <rect width="100%" height="100%" className="rest" />
              <rect width={`${(count / sum) * 100}%`} height="100%" />
            </svg>
          </li>
        ))}
        {all.length === 0 && <li className="faint">None has ended yet.</li>}
      </ul>
    </section>
  );
}
