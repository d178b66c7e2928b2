// How many say yes, by version of the notice, and how much of the audience that is.

import type { ComponentChildren } from "preact";
import { today as todayIn } from "../day";
import { count, share } from "../format";
import { useAnswer } from "../hooks";
import { spanOf } from "../period";
import { Toolbar } from "../toolbar";
import * as api from "./api";
import { Pending } from "./forms";
import type { PartProps } from "./page";
import { type Rate, ratesOf, unanswered } from "./rates";

export function RatePart({ site, view }: PartProps) {
  const today = todayIn(site.timezone);
  const span = spanOf(view.period, today);
  const key = `${site.site} ${span.from} ${span.to}`;
  const rates = useAnswer(key, 0, async (signal) => {
    const [rows, notices] = await Promise.all([api.rate(site.site, span, signal), api.notices(site.site, signal)]);
    return ratesOf(rows, notices);
  });
  const coverage = useAnswer(key, 0, (signal) => api.coverage(site.site, span, signal));
  return (
    <>
      <Toolbar view={view} span={span} today={today}><span /></Toolbar>
      <section class="card form" data-part="coverage">
        <h2>Coverage</h2>
        {coverage.data ? <p class={coverage.loading ? "stale" : ""}>{coverage.data.text}</p> : <Pending error={coverage.error} />}
        <p class="muted">
          Everybody is counted; those who consented are measured in more detail. Who consents is no fair sample of who visits, so
          each report over people says this too, and can be weighted to the counted totals.
        </p>
      </section>
      <section class="card form">
        <h2>Consent rate</h2>
        {rates.data ? <Rates rates={rates.data} stale={rates.loading} /> : <Pending error={rates.error} />}
        <p class="muted">
          A refusal is a number of the day and nothing else. “Shown” and “closed” are told by Turf’s own prompt only: a consent manager
          keeps them to itself, so no share of no answer can be given for it. A withdrawal in a consent manager is a no too.
        </p>
      </section>
    </>
  );
}

const heads: [string, ComponentChildren][] = [
  ["notice", "Notice"], ["shown", "Shown"], ["accepted", "Yes"], ["refused", "No"], ["dismissed", "Closed"], ["unanswered", "No answer"],
  ["withdrawn", "Withdrawn"], ["rate", "Yes of answers"],
];

function Rates({ rates, stale }: { rates: Rate[]; stale: boolean }) {
  if (rates.length === 0) return <p>Nobody was asked in these days.</p>;
  return (
    <div class={`scroll ${stale ? "stale" : ""}`} tabIndex={0} role="region" aria-label="Consent rate by version of the notice">
      <table class="table">
        <thead>
          <tr>{heads.map(([key, head]) => <th key={key} scope="col" class={key === "notice" ? "" : "right"}>{head}</th>)}</tr>
        </thead>
        <tbody>
          {rates.map((r) => {
            const none = unanswered(r);
            return (
              <tr key={r.notice} data-rate={r.version ?? "none"}>
                <th scope="row">{r.version ? `Version ${r.version}` : "Unknown"}</th>
                <td class="right">{r.shown ? count(r.shown) : "–"}</td>
                <td class="right">{count(r.accepted)}</td>
                <td class="right">{count(r.refused)}</td>
                <td class="right">{r.shown ? count(r.dismissed) : "–"}</td>
                <td class="right">{none === undefined ? "–" : `${count(none)} (${share(none, r.shown)})`}</td>
                <td class="right">{count(r.withdrawn)}</td>
                <td class="right">{share(r.accepted, r.accepted + r.refused)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
