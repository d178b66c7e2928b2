// The server's HTTP interface. The only file that fetches.

import type { Combination } from "./combine";
import { type Filter, toWire, type WireFilter } from "./filters";
import type { Metric } from "./metrics";
import type { Span } from "./period";

export interface Site {
  site: string;
  timezone: string;
  role?: "viewer" | "editor"; // of a guest; left out: whoever looks may do everything
  former_names?: string[]; // which it had
  goals?: number; // how many its owner declared
  funnels?: string[]; // their names
  segments?: string[]; // likewise
  buttons?: number; // how many are declared
}

/** Who is looking: a user who signed in, or anyone where the server asks for no password. */
export interface Me {
  open?: boolean;
  user?: string;
  guest?: boolean; // a user who sees only some sites
  shared?: boolean; // came by a link to one site
  place_note?: string; // where the places come from, and how old that is
}

/** An answer other than success, with the server's own words. status 0: no answer at all. */
export class APIError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }

  /** Reports whether the same question may be answered a little later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export interface Question {
  site: string;
  metrics: (Metric | "group_conversion_rate")[]; // the latter is the conversion rate of each bucket of a series
  range: Span | "all";
  dimensions?: string[];
  filters?: Filter[];
  search?: { dimension: string; text: string }; // values that contain the text, in any case
  without?: { dimension: string; value: string }; // all values but one
  limit?: number;
  offset?: number;
}

export interface Answer {
  rows: { dimensions: string[]; values: (number | null)[]; currency?: string }[]; // the currency is that of values that are money
  warnings: Partial<Record<Metric, Warning>>;
}

/** What there is to know of a metric's numbers: see meta.metric_warnings of the server's package stats. */
export type Warning = "joined_tuples" | "small_groups_hidden" | "values_limit" | "counted_since" | "no_revenue_goals_matching";

interface WireAnswer {
  results: { metrics: (number | Money | null)[]; dimensions: (string | number)[] }[];
  meta?: { metric_warnings?: Partial<Record<Metric, { code: Warning }>> };
}

interface Money {
  value: number;
  currency: string; // its code, as EUR
}

/** Called when the server says that nobody is signed in (any more). */
let onSignedOut: () => void = () => {};

export function whenSignedOut(f: () => void): void {
  onSignedOut = f;
}

/** Sends a request. The answer is its JSON, or its text where it is plain. */
export async function call(path: string, init: RequestInit = {}): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch (err) {
    if (err instanceof DOMException && err.name === "AbortError") throw err;
    throw new APIError(0, "The server does not answer. Trying again.");
  }
  const text = await response.text();
  let body: unknown;
  try {
    body = text === "" ? undefined : JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (response.ok) return response.headers.get("Content-Type")?.startsWith("text/plain") ? text : body;
  if (response.status === 401 && path !== "/api/login") onSignedOut();
  const problem = (body ?? {}) as { error?: unknown; detail?: unknown; title?: unknown };
  const said = problem.error ?? (problem.detail || problem.title);
  throw new APIError(response.status, typeof said === "string" ? said : `The server answered ${response.status}.`);
}

/** Sends JSON. */
export function send(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
  return call(path, {
    method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: signal ?? null,
  });
}

export async function me(): Promise<Me> {
  return (await call("/api/me")) as Me;
}

export async function login(name: string, password: string): Promise<void> {
  await send("POST", "/api/login", { name, password });
}

export async function logout(): Promise<void> {
  await send("POST", "/api/logout", {});
}

export async function sites(signal?: AbortSignal): Promise<Site[]> {
  return ((await call("/api/sites", { signal: signal ?? null })) ?? []) as Site[];
}

/** What can be asked for together. */
export async function combinations(): Promise<Combination[]> {
  return ((await call("/api/combinations")) ?? []) as Combination[];
}

/** Visitors of the last five minutes. */
export async function current(site: string, signal?: AbortSignal): Promise<number> {
  const path = `/api/v1/stats/realtime/visitors?site_id=${encodeURIComponent(site)}`;
  return Number(await call(path, { signal: signal ?? null }));
}

/** The names of the properties of a site's events. */
export async function properties(site: string, signal?: AbortSignal): Promise<string[]> {
  return (await call(`/api/properties?site_id=${encodeURIComponent(site)}`, { signal: signal ?? null })) as string[];
}

/** The body of a question as Plausible's stats API v2 wants it. */
export function wireQuestion(q: Question): Record<string, unknown> {
  const filters: (WireFilter | [...WireFilter, object])[] = toWire(q.filters ?? []);
  if (q.search) filters.push(["contains", q.search.dimension, [q.search.text], { case_sensitive: false }]);
  if (q.without) filters.push(["is_not", q.without.dimension, [q.without.value]]);
  const body: Record<string, unknown> = {
    site_id: q.site,
    metrics: q.metrics,
    date_range: q.range === "all" ? "all" : [q.range.from, q.range.to],
  };
  if (q.dimensions) body["dimensions"] = q.dimensions;
  if (filters.length > 0) body["filters"] = filters;
  if (q.limit !== undefined) body["pagination"] = { limit: q.limit, offset: q.offset ?? 0 };
  return body;
}

export async function ask(q: Question, signal?: AbortSignal): Promise<Answer> {
  const answer = (await send("POST", "/api/v2/query", wireQuestion(q), signal)) as WireAnswer;
  const warnings: Answer["warnings"] = {};
  for (const [metric, w] of Object.entries(answer.meta?.metric_warnings ?? {})) warnings[metric as Metric] = w.code;
  const rows = answer.results.map((r) => {
    const money = r.metrics.find(isMoney);
    const values = r.metrics.map((v) => (isMoney(v) ? v.value : v));
    return { dimensions: r.dimensions.map(String), values, ...(money && { currency: money.currency }) };
  });
  return { rows, warnings };
}

function isMoney(v: number | Money | null): v is Money {
  return typeof v === "object" && v !== null;
}

/** What of a step of a funnel is shown; see FunnelStepAnswer of the server's package stats. */
export interface FunnelStep {
  label: string;
  visitors: number;
  dropoff: number; // of those who took the step before
  median_time: number | null; // in seconds since the first step
}

export interface Funnel {
  name: string;
  window_sec: number; // 0: the whole day
  steps: FunnelStep[];
  counted_since?: string; // an instant, where it lies inside the span
}

/** How many visitors took the steps of a funnel. */
export async function funnel(site: string, name: string, range: Span, signal?: AbortSignal): Promise<Funnel> {
  const params = new URLSearchParams({ site_id: site, funnel: name, date_range: `${range.from},${range.to}` });
  return (await call(`/api/stats/funnels?${params}`, { signal: signal ?? null })) as Funnel;
}

/** What is shown of a site's buttons; see ButtonsAnswer of the server's package stats. */
export interface Buttons {
  declared: Button[];
  undeclared: Button[]; // that were clicked all the same
  more_undeclared?: boolean;
  untold_clicks?: number; // on which of the buttons is not known
  hint?: string; // where nobody clicked
}

export interface Button {
  element: string;
  clicks: number;
  visitors: number;
  never_clicked: boolean;
}

/** How often the buttons of a site were clicked. */
export async function buttons(site: string, range: Span, signal?: AbortSignal): Promise<Buttons> {
  const params = new URLSearchParams({ site_id: site, date_range: `${range.from},${range.to}` });
  return (await call(`/api/stats/buttons?${params}`, { signal: signal ?? null })) as Buttons;
}
