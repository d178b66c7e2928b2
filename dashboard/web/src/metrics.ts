// The numbers that are shown.

import type { Warning } from "./api";
import { type Filter, has } from "./filters";

export type Metric =
  | "visitors" | "visits" | "pageviews" | "views_per_visit" | "bounce_rate" | "visit_duration" | "events" | "exit_rate"
  | "time_on_page" | "scroll_depth" | "conversion_rate" | "total_revenue" | "drops" | "lcp_views" | "lcp_p75" | "inp_p75" | "cls_p75";

export interface MetricInfo {
  title: string;
  short: string; // column heading
  kind: "count" | "ratio" | "percent" | "seconds" | "milliseconds" | "money";
  lessIsBetter?: boolean;
  help: string;
}

export const metrics: Record<Metric, MetricInfo> = {
  visitors: {
    title: "Unique visitors", short: "Visitors", kind: "count",
    help: "People are told apart for one day only. Over several days this is the sum of the days.",
  },
  visits: { title: "Visits", short: "Visits", kind: "count", help: "A visit ends after 30 quiet minutes, and at midnight." },
  pageviews: { title: "Pageviews", short: "Views", kind: "count", help: "Pages shown." },
  views_per_visit: { title: "Views per visit", short: "Views/visit", kind: "ratio", help: "Pageviews divided by visits." },
  bounce_rate: {
    title: "Bounce rate", short: "Bounces", kind: "percent", lessIsBetter: true,
    help: "Visits of one page and without any other interaction.",
  },
  visit_duration: {
    title: "Visit duration", short: "Duration", kind: "seconds",
    help: "From the first to the last sign of life, on average. Bounces count as zero.",
  },
  events: { title: "Events", short: "Count", kind: "count", help: "How often it happened." },
  time_on_page: {
    title: "Time on page", short: "Time on page", kind: "seconds",
    help: "How long a visit looked at the page, on average. Time in another tab does not count.",
  },
  scroll_depth: {
    title: "Scroll depth", short: "Scrolled", kind: "percent", help: "How much of the page a visit saw, on average.",
  },
  conversion_rate: {
    title: "Conversion rate", short: "Converted", kind: "percent", help: "How many of all visitors reached the goal.",
  },
  total_revenue: { title: "Revenue", short: "Revenue", kind: "money", help: "All amounts that came with the goal's events." },
  drops: { title: "Not counted", short: "Requests", kind: "count", help: "Requests that were not counted." },
  lcp_views: { title: "Measured page views", short: "Measured", kind: "count", help: "Page views of which the browser told." },
  lcp_p75: {
    title: "Largest contentful paint", short: "LCP", kind: "milliseconds", lessIsBetter: true,
    help: "Until the largest thing was painted.",
  },
  inp_p75: {
    title: "Interaction to next paint", short: "INP", kind: "milliseconds", lessIsBetter: true,
    help: "From an interaction until something changed.",
  },
  cls_p75: {
    title: "Cumulative layout shift", short: "CLS", kind: "ratio", lessIsBetter: true,
    help: "How much of the page moved by itself.",
  },
  exit_rate: { title: "Exit rate", short: "Exit rate", kind: "percent", help: "Exits here divided by views of this page." },
};

/** What the server's warnings mean. */
export const warningHelp: Record<Warning, string> = {
  joined_tuples: "At most so many: a visitor who came in several of these ways on one day counts for each.",
  small_groups_hidden: "Without small groups: those of few visitors are hidden for privacy, and no filter finds them.",
  values_limit: "(other) is what came after as many values as are kept of a day, or was imported without them. The totals are exact.",
  counted_since: "Some of this was declared within these days, and is counted from then on only.",
  no_revenue_goals_matching: "No goal here has amounts.",
  not_imported: "Not known of days that were imported without it.",
};

/** Metrics that every question can be answered with, for when the full set is refused. */
export const basicMetrics: Metric[] = ["visitors", "visits"];

/** The top numbers that make sense under the filters: some are not defined for a page or an event. */
export function topMetrics(filters: Filter[]): Metric[] {
  if (has(filters, "goal")) return ["visitors", "visits", "events", "conversion_rate", "total_revenue"];
  if (has(filters, "event")) return ["visitors", "visits", "events"];
  if (has(filters, "segment")) return ["visitors", "visits", "pageviews"]; // all that is counted of every segment
  if (has(filters, "entry") || has(filters, "exit")) return basicMetrics;
  if (has(filters, "page")) return ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"];
  return ["visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration"];
}

/** The sets of numbers to ask for, best first: under several filters not all of the first one may be counted. */
export function wishes(filters: Filter[]): Metric[][] {
  const all = topMetrics(filters);
  const counts = all.filter((m) => metrics[m].kind === "count");
  return [all, counts, basicMetrics].filter((m, i, sets) => i === 0 || m.length < sets[i - 1]!.length);
}

/** The value of a bucket in which nothing happened. */
export function emptyValue(metric: Metric): number | null {
  const { kind } = metrics[metric];
  return kind === "count" || kind === "money" ? 0 : null;
}
