// How fast pages were: one line, and each page when it is opened.

import { useState } from "preact/hooks";
import { ask } from "./api";
import type { Filter, FilterKey } from "./filters";
import * as fmt from "./format";
import { useAnswer } from "./hooks";
import { type Metric, metrics, warningHelp } from "./metrics";
import type { Span } from "./period";
import { RowName } from "./row";
import type { View } from "./url";

/** The vitals that are shown, with the bounds of their ratings; see vital.go of the server's package schema. */
const vitals = [
  { metric: "lcp_p75", good: 2500, poor: 4000 },
  { metric: "inp_p75", good: 200, poor: 500 },
  { metric: "cls_p75", good: 0.1, poor: 0.25 },
] as const;

const asked: Metric[] = ["lcp_views", ...vitals.map((v) => v.metric)];

/** What vitals are counted by. */
const keys: FilterKey[] = ["page", "device"];

const pagesShown = 20;

interface Props {
  site: string;
  view: View;
  span: Span;
  tick: number;
}

/** Nothing where nothing was measured, and under filters by which it is not counted. */
export function Vitals({ site, view, span, tick }: Props) {
  const [open, setOpen] = useState(false);
  const { filters } = view;
  const counted = filters.every((f) => keys.includes(f.key));
  const key = JSON.stringify([site, span, filters]);
  const all = useAnswer(key, tick, async (signal) =>
    counted ? ask({ site, metrics: asked, range: span, filters }, signal) : undefined);
  const pages = useAnswer(`${key} ${open}`, tick, async (signal) =>
    counted && open
      ? ask({ site, metrics: asked, range: span, filters, dimensions: ["event:page"], limit: pagesShown }, signal)
      : undefined);
  const values = all.data?.rows[0]?.values ?? [];
  if (!values[0]) return null;
  const line = vitals.map((v, i) => `${metrics[v.metric].short} ${text(i, values[i + 1])}`).join(", ");
  return (
    <details class="vitals" data-panel="vitals" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>Web vitals: {line}</summary>
      <table class="details">
        <thead>
          <tr>
            <th scope="col">Page</th>
            {asked.map((m) => <th key={m} scope="col" class="num" title={metrics[m].help}>{metrics[m].short}</th>)}
          </tr>
        </thead>
        <tbody>
          {(pages.data?.rows ?? []).map((r) => (
            <tr key={r.dimensions[0]} data-value={r.dimensions[0]}>
              <td><RowName filter="page" value={r.dimensions[0] ?? ""} view={view} /></td>
              <td class="num">{fmt.count(r.values[0] ?? 0)}</td>
              {vitals.map((v, i) => <td key={v.metric} class="num">{text(i, r.values[i + 1])}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="note">{note(filters)} {all.data?.missing}</p>
    </details>
  );
}

/** "1.9s, good" of the vital of this number. */
function text(i: number, n: number | null | undefined): string {
  const { metric, good, poor } = vitals[i]!;
  const value = fmt.value(metrics[metric], n);
  if (n === null || n === undefined) return value;
  return `${value} (${n <= good ? "good" : n > poor ? "poor" : "needs improvement"})`;
}

function note(filters: Filter[]): string {
  const ratings = "Three in four page views were at least so good, give or take an eighth; rated as web.dev does.";
  return filters.some((f) => f.key === "device") ? `${ratings} ${warningHelp.small_groups_hidden}` : ratings;
}
