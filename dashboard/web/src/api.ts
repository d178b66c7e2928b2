// The server's HTTP interface. The only file that fetches.

import type { Combination } from "./combine";
import type { Day } from "./day";
import { type Filter, toWire, type WireFilter } from "./filters";
import { days as inWords, inDates } from "./format";
import { type Metric, metrics } from "./metrics";
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

/** What may be asked for; the latter is the conversion rate of each bucket of a series. */
type Asked = Metric | "group_conversion_rate";

export interface Question {
  site: string;
  metrics: Asked[];
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
  missing?: string; // what of the days is not known
  partial: boolean; // some days are in none of the numbers
  unknown: boolean; // all are
  gaps: Partial<Record<Metric, DayPair[]>>; // the days that each metric is not known of
}

/** What there is to know of a metric's numbers: see meta.metric_warnings of the server's package stats. */
export type Warning =
  | "joined_tuples" | "small_groups_hidden" | "values_limit" | "counted_since" | "no_revenue_goals_matching" | "not_imported";

interface WireAnswer {
  results: { metrics: (number | Money | null)[]; dimensions: (string | number)[] }[];
  meta?: {
    metric_warnings?: Partial<Record<Asked, { code: Warning }>>;
    imports_warning?: string;
    left_out_days?: DayPair[];
    unknown_days?: Partial<Record<Asked, DayPair[]>>;
  };
}

interface Money {
  value: number;
  currency: string; // its code, as EUR
}

/** First and last day. */
export type DayPair = [Day, Day];

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
  throw new APIError(response.status, typeof said === "string" ? inDates(said) : `The server answered ${response.status}.`);
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
  const meta = answer.meta ?? {};
  for (const [metric, w] of Object.entries(meta.metric_warnings ?? {})) warnings[shownAs(metric as Asked)] = w.code;
  const rows = answer.results.map((r) => {
    const money = r.metrics.find(isMoney);
    const values = r.metrics.map((v) => (isMoney(v) ? v.value : v));
    return { dimensions: r.dimensions.map(String), values, ...(money && { currency: money.currency }) };
  });
  const missing = meta.imports_warning ? inDates(meta.imports_warning) : unknownText(Object.entries(meta.unknown_days ?? {}) as [Asked, DayPair[]][]);
  const left = meta.left_out_days;
  const { range } = q;
  const gaps: Answer["gaps"] = {};
  for (const m of q.metrics) {
    const days = meta.unknown_days?.[m] ?? [];
    // Of a rate of the visitors of the whole span no bucket is known, if one day is not.
    const all = m === "group_conversion_rate" && days.length > 0 && range !== "all";
    gaps[shownAs(m)] = all ? [[range.from, range.to]] : [...(left ?? []), ...days];
  }
  const unknown = range !== "all" && (left ?? []).some(([first, last]) => first <= range.from && last >= range.to);
  return { rows, warnings, partial: left !== undefined, unknown, gaps, ...(missing === undefined ? {} : { missing }) };
}

/** The metric under whose name the page shows it. */
function shownAs(m: Asked): Metric {
  return m === "group_conversion_rate" ? "conversion_rate" : m;
}

/** "Bounce rate: not known of the imported days 1–31 Jan 2026." */
function unknownText(unknown: [Asked, DayPair[]][]): string | undefined {
  if (unknown.length === 0) return undefined;
  const titles = new Map<string, string>(); // by what is to be said of the days
  for (const [m, days] of unknown) {
    const text = importedText("not known of", days);
    const title = metrics[shownAs(m)].title;
    titles.set(text, titles.has(text) ? `${titles.get(text)}, ${title}` : title);
  }
  return [...titles].map(([text, title]) => `${title}: ${text}`).join(" ");
}

/** Names days that were imported: "without the imported days 1–31 Jan 2026." */
export function importedText(how: string, days: DayPair[]): string {
  const one = days.length === 1 && days[0]![0] === days[0]![1];
  return `${how} the imported ${one ? "day" : "days"} ${inWords(days)}.`;
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
  left_out_days?: DayPair[]; // were imported
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
  left_out_days?: DayPair[]; // were imported
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
