// The reports over people who consented, as the server answers them; see its package reports.

import { send } from "../api";
import type { Span } from "../period";

/** The view of a page (a * in it stands for anything), an event, or with neither anything. */
export interface Match {
  event?: string;
  page?: string;
  props?: Condition[];
}

export interface Condition {
  name: string; // "event:props:plan", "visit:source"
  op?: string;
  values: string[];
}

/** What must not lie between two steps, from 1; the first and the last where they are not said. */
export interface Exclusion extends Match {
  after?: number;
  before?: number;
}

/** The people of whom all rules hold. */
export interface Cohort {
  rules: { did: Match; at_least?: number; at_most?: number }[];
}

/** How much of the audience a report is about. */
export interface Coverage {
  people: number;
  consented: number;
  counted: number | null;
  percent: number | null;
  text: string;
  weighting?: { by: string[]; converged: boolean; largest_weight: number };
}

export interface Answer {
  period: [string, string];
  coverage: Coverage;
}

export interface Ranked {
  value: string;
  count: number;
  weighted?: number;
  percent: number | null;
}

export interface Step {
  label: string;
  count: number;
  weighted?: number;
  dropoff: number;
  conversion_from_previous: number | null;
  conversion_from_first: number | null;
  conversion_from_first_weighted?: number;
  conversion_low?: number;
  conversion_high?: number;
  time?: { min: number; p25: number; p50: number; p75: number; p90: number; max: number; mean: number };
  distribution?: { from_sec: number; count: number }[];
  next?: Ranked[];
}

export interface Funnel extends Answer {
  count: string;
  steps: Step[];
  groups?: { value: string; steps: Step[] }[];
  before?: { period: [string, string]; steps: Step[] };
  open: boolean;
}

export interface Cell {
  count: number | null;
  percent: number | null;
  percent_weighted?: number;
  incomplete?: boolean;
}

export interface Retention extends Answer {
  unit: string;
  mode: string;
  slots: [number, number][];
  cohorts: { start: string; size: number | null; small?: boolean; values: Cell[] }[];
  curve: { people: number; count: number; percent: number | null; percent_weighted?: number }[];
}

export interface Node {
  step: number; // 0 is the anchor
  name: string;
  count: number;
  weighted?: number;
}

export interface Edge {
  step: number;
  from: string;
  to: string;
  count: number;
  weighted?: number;
}

export interface Journeys extends Answer {
  total: number;
  nodes: Node[] | null;
  edges: Edge[] | null;
}

export interface Paths extends Answer {
  total: number;
  paths: { nodes: string[]; count: number; weighted?: number; percent: number | null }[];
  other: number; // of all others
}

export interface Feature {
  label: string;
  uses: number;
  people: number | null; // null: fewer than k, but some
  percent: number | null;
  percent_weighted?: number;
  never?: boolean;
  core?: boolean;
  by_unit: (number | null)[];
}

export interface Adoption extends Answer {
  unit: string;
  active: number;
  units: { start: string; active: number; incomplete?: boolean }[];
  features: Feature[];
  stickiness: Record<"dau" | "wau" | "mau" | "dau_wau" | "dau_mau" | "wau_mau", number | null>;
}

export interface Element {
  page: string;
  element?: string;
  seen_by: number | null; // of people, null is fewer than k, but some
  clicks: number;
  clicked_by: number | null;
  rage_clicks: number;
  raged_by: number | null;
  dead_clicks: number;
  dead_for: number | null;
  never_clicked?: boolean;
  click_rate: number | null;
}

export interface Clicks extends Answer {
  elements: Element[];
  cut?: boolean;
}

export interface Heatmap extends Answer {
  kind: string;
  widths: { width: number; count: number }[];
  width: number;
  cells: { x: number; y: number; count: number }[];
  x_bins: number;
  y_bin_px: number;
}

export interface People extends Answer {
  size: number | null;
  size_text: string;
}

/** What each report answers, by the last part of its path. */
export interface Answers {
  funnel: Funnel;
  retention: Retention;
  journeys: Journeys;
  paths: Paths;
  adoption: Adoption;
  clicks: Clicks;
  heatmap: Heatmap;
  cohort: People;
}

/** Asks a report about days of a site. question is what the report has of its own. */
export async function askReport<R extends keyof Answers>(
  report: R, site: string, span: Span, question: object, signal: AbortSignal,
): Promise<Answers[R]> {
  const body = { site_id: site, date_range: [span.from, span.to], ...question };
  return (await send("POST", `/api/v1/reports/${report}`, body, signal)) as Answers[R];
}
