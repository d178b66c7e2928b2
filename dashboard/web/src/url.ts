// The state of the page is in its address, so that a view can be bookmarked and shared and Back works:
// /example.com?period=30d&metric=visits&source=Google&page.not=/pricing
// The other pages of a site keep what is theirs under names of their own: /example.com?tab=consent&part=ledger&record=…

import { type Day, isDay } from "./day";
import { canTurn, type Filter, filterTable, sorted } from "./filters";
import { type Metric, metrics } from "./metrics";
import { defaultPreset, type Interval, intervals, type Period, presets } from "./period";

export interface View {
  site: string; // "" is the list of sites
  period: Period;
  metric: Metric;
  by?: Interval; // the chart's step; left out: that which suits the period
  filters: Filter[];
  tab?: Tab | undefined; // left out: the numbers
  more?: Record<string, string> | undefined; // what the page of the tab keeps in the address, in its own words
}

/** The pages of a site beside its numbers. */
export type Tab = "goals" | "people" | "consent" | "access";

const tabs: readonly string[] = ["goals", "people", "consent", "access"] satisfies Tab[];

export const defaultMetric: Metric = "visitors";

/** Reads an address. What it does not know it ignores; wrong values become the default. */
export function parse(pathname: string, search: string): View {
  const q = new URLSearchParams(search);
  const metric = q.get("metric") ?? "";
  const view: View = {
    site: siteOf(pathname),
    period: periodOf(q),
    metric: Object.hasOwn(metrics, metric) ? (metric as Metric) : defaultMetric,
    filters: filtersOf(q),
  };
  const by = intervals.find((i) => i === q.get("by"));
  if (by) view.by = by;
  const tab = q.get("tab") ?? "";
  if (!tabs.includes(tab)) return view;
  return { ...view, tab: tab as Tab, more: Object.fromEntries([...q].filter(([key]) => !isKnown(key))) };
}

/** The names in an address that mean the same on every page. */
function isKnown(key: string): boolean {
  return ["tab", "period", "from", "to", "metric", "by"].includes(key) ||
    filterTable.some((f) => key === f.key || key === `${f.key}.not`);
}

function siteOf(pathname: string): string {
  const path = pathname.replace(/^\/+|\/+$/g, "");
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function periodOf(q: URLSearchParams): Period {
  const from: Day = q.get("from") ?? "";
  const to: Day = q.get("to") ?? "";
  if (isDay(from) && isDay(to) && from <= to) return { from, to };
  const preset = presets.find((p) => p.id === q.get("period"));
  return { preset: preset?.id ?? defaultPreset };
}

function filtersOf(q: URLSearchParams): Filter[] {
  const filters: Filter[] = [];
  for (const { key } of filterTable) {
    const is = q.getAll(key);
    const not = q.getAll(`${key}.not`);
    if (is.length > 0) filters.push({ key, not: false, values: is });
    else if (not.length > 0 && canTurn(key)) filters.push({ key, not: true, values: not });
  }
  return filters;
}

/** Writes the address of a view; parse reads it back. Defaults are left out. */
export function format(view: View): string {
  if (view.site === "") return "/";
  const q = new URLSearchParams();
  if (view.tab) q.set("tab", view.tab);
  if ("preset" in view.period) {
    if (view.period.preset !== defaultPreset) q.set("period", view.period.preset);
  } else {
    q.set("from", view.period.from);
    q.set("to", view.period.to);
  }
  if (view.metric !== defaultMetric) q.set("metric", view.metric);
  if (view.by) q.set("by", view.by);
  for (const f of sorted(view.filters)) {
    for (const value of f.values) q.append(f.not ? `${f.key}.not` : f.key, value);
  }
  if (view.tab) {
    for (const [key, value] of Object.entries(view.more ?? {})) {
      if (value !== "" && !isKnown(key)) q.set(key, value);
    }
  }
  // A path reads better with its slashes and colons as they are; both are allowed in a query.
  const query = q.toString().replaceAll("%2F", "/").replaceAll("%3A", ":");
  const path = view.site.split("/").map(encodeURIComponent).join("/").replaceAll("%3A", ":");
  return `/${path}${query ? `?${query}` : ""}`;
}
