// The panels of the page, as data.

import type { Site } from "./api";
import { type Filter, type FilterKey, has } from "./filters";
import { notSet } from "./labels";
import type { Metric } from "./metrics";

export interface Tab {
  label: string;
  key: FilterKey; // what the rows are, and what a click filters by
  also?: Kind[]; // what they can be instead
  metrics: Metric[]; // columns of the panel; the first one makes the bars
  details: Metric[]; // columns of the details
  without?: string; // a value that is left out
  noShare?: boolean; // the rows have no percentage of the visitors
}

/** What the rows of a tab can be: a version says something only of one browser, so it needs a filter by that. */
export interface Kind {
  key: FilterKey;
  needs?: FilterKey;
}

export interface PanelInfo {
  id: string;
  title: string;
  wide?: boolean;
  tabs: Tab[];
}

const visitMetrics: Metric[] = ["visitors", "visits", "bounce_rate", "visit_duration"];
const pageMetrics: Metric[] = ["visitors", "pageviews", "bounce_rate", "visit_duration", "time_on_page", "scroll_depth"];
const goalMetrics: Metric[] = ["visitors", "events", "conversion_rate", "total_revenue"];

function tab(label: string, key: FilterKey, details: Metric[] = visitMetrics, metrics: Metric[] = ["visitors"]): Tab {
  return { label, key, metrics, details };
}

const all: PanelInfo[] = [
  {
    id: "pages", title: "Pages",
    tabs: [
      tab("Top", "page", pageMetrics),
      tab("Entry", "entry", ["visitors", "visits"]),
      tab("Exit", "exit", ["visitors", "visits"]),
    ],
  },
  {
    id: "sources", title: "Sources",
    tabs: [
      tab("Sources", "source"), tab("Channels", "channel"),
      {
        ...tab("Campaigns", "campaign"), without: notSet, // nearly all visits have none
        also: [{ key: "utm_source" }, { key: "utm_medium" }, { key: "utm_content" }, { key: "utm_term" }],
      },
      tab("Referrers", "referrer"),
    ],
  },
  {
    id: "places", title: "Places",
    tabs: [tab("Countries", "country"), tab("Regions", "region"), tab("Cities", "city")],
  },
  {
    id: "devices", title: "Devices",
    tabs: [
      { ...tab("Browsers", "browser"), also: [{ key: "version", needs: "browser" }] },
      { ...tab("Systems", "os"), also: [{ key: "os_version", needs: "os" }] },
      tab("Sizes", "device"), tab("Languages", "language"), tab("Screens", "screen"),
    ],
  },
  {
    id: "goals", title: "Goals",
    tabs: [{ ...tab("All", "goal", goalMetrics, goalMetrics), noShare: true }],
  },
  {
    id: "events", title: "Events",
    tabs: [tab("All", "event", ["visitors", "events"], ["visitors", "events"])],
  },
];

/** What the rows of a tab can be under the filters, what they are at first before the others. */
export function kindsOf(t: Tab, filters: Filter[]): FilterKey[] {
  return [t.key, ...(t.also ?? []).filter((k) => !k.needs || has(filters, k.needs)).map((k) => k.key)];
}

/** The panels of a site: that of goals only where there are some. The last one is as wide as the page where it is alone. */
export function panelsOf(site: Site): PanelInfo[] {
  const shown = all.filter((p) => p.id !== "goals" || (site.goals ?? 0) > 0);
  return shown.map((p, i) => (shown.length % 2 === 1 && i === shown.length - 1 ? { ...p, wide: true } : p));
}
