// The self-assessment: what the law and its authorities ask, how it is met, and the automated test that proves it.

import { useAnswer } from "../hooks";
import * as api from "./api";
import { Pending } from "./forms";
import type { PartProps } from "./page";
import { when } from "./text";

const by = { turf: "held by Turf", site: "yours to do", both: "held by Turf, with your part" };

const languages = [["nl", "Nederlands"], ["en", "English"], ["de", "Deutsch"], ["fr", "Français"]] as const;

export function AssessmentPart({ site }: PartProps) {
  const { data, error } = useAnswer(site.site, 0, (signal) => api.assessment(site.site, signal));
  if (!data) return <Pending error={error} />;
  return (
    <>
      <section class="card form">
        <h2>Self-assessment</h2>
        <p class="muted">
          For measuring without consent. No legal advice: it says what the program does, and names the automated tests that would
          fail if it did something else. Build <code>{data.build}</code>, read at {when(data.at)}.
        </p>
        <p class="links">
          Export: <a href={api.assessmentPath(site.site, "json")} download>JSON</a>
          <a href={api.assessmentPath(site.site, "html")} target="_blank" rel="noopener noreferrer">for people (HTML)</a>
        </p>
        <h3>Durations, as configured now</h3>
        <div class="scroll" tabIndex={0} role="region" aria-label="Durations">
          <table class="table">
            <thead><tr><th scope="col">What</th><th scope="col" class="right">Kept for</th></tr></thead>
            <tbody>
              {data.durations.map((d) => (
                <tr key={d.what}>
                  <th scope="row">{d.what}{d.note && <span class="hint">{d.note}</span>}</th>
                  <td class="right">{lasting(d.days)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <h3>Text for your privacy statement</h3>
        <p class="links">
          From this configuration: {languages.map(([id, label]) => (
            <a key={id} href={api.privacyTextPath(site.site, id)} target="_blank" rel="noopener noreferrer" lang={id}>{label}</a>
          ))}
        </p>
      </section>
      {data.laws.map((law) => (
        <section key={law.id} class="card form" data-law={law.id}>
          <h2>{law.title}</h2>
          <p class="muted">{law.source}</p>
          <ul class="criteria">
            {data.criteria.filter((c) => c.law === law.id).map((c) => <Item key={c.id} criterion={c} />)}
          </ul>
        </section>
      ))}
    </>
  );
}

/** Days as people say them; none is for ever, less than none not at all. */
function lasting(days: number): string {
  if (days < 0) return "not kept";
  if (days === 0) return "no end set";
  return days === 1 ? "1 day" : `${days} days`;
}

function Item({ criterion: c }: { criterion: api.Criterion }) {
  return (
    <li data-criterion={c.id}>
      <h3>{c.says} <span class="mark">{by[c.by]}</span></h3>
      <p>{c.how}</p>
      {c.tests && (
        <ul class="proofs">
          {c.tests.map((t) => <li key={t.name}><code>{t.name}</code> in <code>{t.file}</code></li>)}
        </ul>
      )}
    </li>
  );
}
