// How the numbers of reports are shown.

import type { ComponentChildren } from "preact";
import * as fmt from "../format";
import { type Loaded } from "../hooks";
import { Refusal } from "../parts";
import type { Answer, Coverage } from "./wire";

/** 12.34 → "12.3%"; nothing where it is not defined. */
export function percent(n: number | null | undefined): string {
  if (n === null || n === undefined) return "–";
  return `${n >= 10 ? Math.round(n * 10) / 10 : Math.round(n * 100) / 100}%`;
}

/** A number of people that is not told is of fewer than k. */
export function people(n: number | null): string {
  return n === null ? "fewer than 5" : fmt.count(n);
}

interface ResultProps<T extends Answer> {
  loaded: Loaded<T | undefined>;
  hint: string; // what to do where nothing was asked
  children: (answer: T) => ComponentChildren;
}

/** The answer with its coverage, or why there is none. */
export function Result<T extends Answer>({ loaded, hint, children }: ResultProps<T>) {
  const { data, error, loading } = loaded;
  if (error && !data) {
    if (error.status === 404) {
      return (
        <div class="card refusal" role="note">
          <p class="refusal-title">There are no such reports here</p>
          <p>{error.message}</p>
        </div>
      );
    }
    return <div class="card"><Refusal status={error.status} reason={error.message} /></div>;
  }
  if (!data) {
    if (loading) return <div class="card bones" aria-hidden="true"><span class="bone" /><span class="bone" /></div>;
    return <p class="card none">{hint}</p>;
  }
  return (
    <section class={`card answer ${loading ? "stale" : ""}`} aria-label="Answer" aria-busy={loading}>
      <CoverageLine coverage={data.coverage} />
      {children(data)}
    </section>
  );
}

function CoverageLine({ coverage }: { coverage: Coverage }) {
  const { weighting } = coverage;
  return (
    <div class="coverage" data-coverage>
      <p>
        <strong>{coverage.text}</strong>
        <span class="muted">
          {" "}· people who consented, by day, of all visitors · {fmt.count(coverage.people)} people in these days
        </span>
      </p>
      {coverage.people === 0 && (
        <p class="muted" data-nobody>Nobody who consented came in these days. Whether the site asks for consent is set under Consent.</p>
      )}
      {weighting && (
        <p class="muted" data-weighting>
          Weighted to all visitors by {weighting.by.join(", ")}; the largest weight of a person is {weighting.largest_weight}.
          {!weighting.converged && " It does not fit: of some source, device or country nobody consented."}
        </p>
      )}
    </div>
  );
}

/** A bar of a part of a whole, beside its number. */
export function Bar({ part, class: name = "" }: { part: number; class?: string }) {
  return (
    <span class="meter" aria-hidden="true">
      <span class={`meter-fill ${name}`} style={{ width: `${Math.max(0, Math.min(1, part)) * 100}%` }} />
    </span>
  );
}

/** A table that may be wider than the window. */
export function Table({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="wide-table" tabIndex={0} role="region" aria-label={label}>
      <table class="numbers-table">{children}</table>
    </div>
  );
}
