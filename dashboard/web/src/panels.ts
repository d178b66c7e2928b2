// The panels of the page, as data.

import type { FilterKey } from "./filters";
import { notSet } from "./labels";
import type { Metric } from "./metrics";

export interface Tab {
  label: string;
  key: FilterKey; // what the rows are, and what a click filters by
  metrics: Metric[]; // columns of the panel; the first one makes the bars
  details: Metric[]; // columns of the details
  without?: string; // a value that is left out
}

export interface PanelInfo {
  id: string;
  title: string;
  wide?: boolean;
  tabs: Tab[];
}

const visitMetrics: Metric[] = ["visitors", "visits", "bounce_rate", "visit_duration"];
const pageMetrics: Metric[] = ["visitors", "pageviews", "bounce_rate", "visit_duration"];

function tab(label: string, key: FilterKey, details: Metric[] = visitMetrics, metrics: Metric[] = ["visitors"]): Tab {
  return { label, key, metrics, details };
}

export const panels: PanelInfo[] = [
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
      { ...tab("Campaigns", "campaign"), without: notSet }, // nearly all visits have none
      tab("Referrers", "referrer"),
    ],
  },
  {
    id: "places", title: "Places",
    tabs: [tab("Countries", "country"), tab("Regions", "region"), tab("Cities", "city")],
  },
  {
    id: "devices", title: "Devices",
    tabs: [tab("Browsers", "browser"), tab("Systems", "os"), tab("Sizes", "device")],
  },
  {
    id: "events", title: "Events", wide: true,
    tabs: [tab("All", "event", ["visitors", "events"], ["visitors", "events"])],
  },
];
