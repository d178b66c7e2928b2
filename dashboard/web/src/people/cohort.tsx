// Whom a report is about: all, or those who did or did not do something.

import { useEffect, useState } from "preact/hooks";
import { useAnswer } from "../hooks";
import type { Span } from "../period";
import { blanks, MatchField, NumberField, type Suggestions } from "./fields";
import { matchName, replaced, without } from "./state";
import { askReport, type Cohort } from "./wire";

type Rule = Cohort["rules"][number];

const maxRules = 8;
const maxTimes = 1_000_000;

interface Props {
  site: string;
  span: Span;
  cohort: Cohort | undefined;
  suggestions: Suggestions;
  onChange: (cohort: Cohort | undefined) => void;
}

export function CohortCard({ site, span, cohort, suggestions, onChange }: Props) {
  const [rules, setRules] = useState<Rule[]>(cohort?.rules ?? []);
  const key = JSON.stringify(cohort);
  useEffect(() => setRules(cohort?.rules ?? []), [key]);
  const { data, error } = useAnswer(JSON.stringify([site, span, key]), 0, async (signal) =>
    cohort && askReport("cohort", site, span, { cohort }, signal));
  const set = (i: number, rule: Rule): void => setRules(replaced(rules, i, rule));
  const wrong = blanks(rules.map((r) => r.did));
  return (
    <details class="cohort">
      <summary>
        {cohort ? `Only who ${cohort.rules.map(inWords).join(" and ")}` : "All people who consented"}
        {cohort && data && <span class="muted" data-size> · {data.size_text} people</span>}
        {cohort && error && <span class="error"> · {error.message}</span>}
      </summary>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (!wrong) onChange(rules.length > 0 ? { rules } : undefined);
        }}
      >
        {rules.map((r, i) => (
          <div key={i} class="rule">
            <select
              aria-label={`Rule ${i + 1}: did or did not`} value={r.at_most === 0 ? "not" : "did"}
              onChange={(e) => set(i, { did: r.did, ...(e.currentTarget.value === "not" ? { at_most: 0 } : { at_least: 1 }) })}
            >
              <option value="did">did</option>
              <option value="not">did not</option>
            </select>
            <MatchField label={`Rule ${i + 1}`} value={r.did} suggestions={suggestions} onChange={(did) => set(i, { ...r, did })} />
            {r.at_most !== 0 && (
              <NumberField
                label="At least, times" value={r.at_least ?? 1} min={1} max={maxTimes}
                onChange={(n) => set(i, { did: r.did, at_least: n })}
              />
            )}
            <button type="button" class="quiet" aria-label={`Remove rule ${i + 1}`} onClick={() => setRules(without(rules, i))}>
              ×
            </button>
          </div>
        ))}
        <div class="builder-foot">
          <button
            type="button" class="quiet" data-add="rule" disabled={rules.length >= maxRules}
            onClick={() => setRules([...rules, { did: { event: "" }, at_least: 1 }])}
          >
            + Add a rule
          </button>
          <button type="submit" class="primary" disabled={wrong !== undefined}>Choose these people</button>
          <p class="note" role="status">{wrong ?? "In the days above; all rules must hold."}</p>
        </div>
      </form>
    </details>
  );
}

function inWords({ did, at_least, at_most }: Rule): string {
  if (at_most === 0) return `did not: ${matchName(did)}`;
  return `did: ${matchName(did)}${(at_least ?? 1) > 1 ? `, ${at_least} times or more` : ""}`;
}
