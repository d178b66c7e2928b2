// What the page can be filtered by, and how a filter is written in the address and on the wire.

export type FilterKey =
  | "page" | "entry" | "exit" | "channel" | "source" | "referrer"
  | "campaign" | "utm_source" | "utm_medium" | "utm_content" | "utm_term" | "country" | "region" | "city"
  | "browser" | "version" | "os" | "os_version" | "device" | "language" | "screen" | "event" | "goal" | "segment";

export interface Filter {
  key: FilterKey;
  not: boolean;
  values: string[]; // at least one; any of them
}

export interface FilterInfo {
  key: FilterKey;
  dimension: string; // name on the wire
  names?: string; // dimension of the values' names, where the values are codes
  title: string;
  plural: string; // for "no … yet"
}

/** The table of all filters, in the order in which chips are shown. */
export const filterTable: FilterInfo[] = [
  { key: "segment", dimension: "segment", title: "Segment", plural: "segments" },
  { key: "page", dimension: "event:page", title: "Page", plural: "pages" },
  { key: "entry", dimension: "visit:entry_page", title: "Entry page", plural: "entry pages" },
  { key: "exit", dimension: "visit:exit_page", title: "Exit page", plural: "exit pages" },
  { key: "channel", dimension: "visit:channel", title: "Channel", plural: "channels" },
  { key: "source", dimension: "visit:source", title: "Source", plural: "sources" },
  { key: "referrer", dimension: "visit:referrer", title: "Referrer", plural: "referrers" },
  { key: "campaign", dimension: "visit:utm_campaign", title: "Campaign", plural: "campaigns" },
  { key: "utm_source", dimension: "visit:utm_source", title: "UTM source", plural: "UTM sources" },
  { key: "utm_medium", dimension: "visit:utm_medium", title: "UTM medium", plural: "UTM media" },
  { key: "utm_content", dimension: "visit:utm_content", title: "UTM content", plural: "UTM contents" },
  { key: "utm_term", dimension: "visit:utm_term", title: "UTM term", plural: "UTM terms" },
  { key: "country", dimension: "visit:country", title: "Country", plural: "countries" },
  { key: "region", dimension: "visit:region", names: "visit:region_name", title: "Region", plural: "regions" },
  { key: "city", dimension: "visit:city", names: "visit:city_name", title: "City", plural: "cities" },
  { key: "browser", dimension: "visit:browser", title: "Browser", plural: "browsers" },
  { key: "version", dimension: "visit:browser_version", title: "Browser version", plural: "browser versions" },
  { key: "os", dimension: "visit:os", title: "Operating system", plural: "operating systems" },
  { key: "os_version", dimension: "visit:os_version", title: "System version", plural: "system versions" },
  { key: "device", dimension: "visit:device", title: "Device", plural: "devices" },
  { key: "language", dimension: "visit:language", title: "Language", plural: "languages" },
  { key: "screen", dimension: "visit:screen", title: "Screen width", plural: "screen widths" },
  { key: "event", dimension: "event:name", title: "Event", plural: "events" },
  { key: "goal", dimension: "event:goal", title: "Goal", plural: "goals" },
];

const byKey = new Map(filterTable.map((f) => [f.key, f]));

export function filterInfo(key: FilterKey): FilterInfo {
  return byKey.get(key)!;
}

export function has(filters: Filter[], key: FilterKey): boolean {
  return filters.some((f) => f.key === key);
}

/** Reports whether just this value is filtered on. */
export function isOn(filters: Filter[], key: FilterKey, value: string): boolean {
  return filters.some((f) => f.key === key && !f.not && f.values.length === 1 && f.values[0] === value);
}

/** The filters after a click on a row: filtered by its value, or no longer when it was. One filter a key. */
export function toggle(filters: Filter[], key: FilterKey, value: string): Filter[] {
  const rest = filters.filter((f) => f.key !== key);
  return isOn(filters, key, value) ? rest : sorted([...rest, { key, not: false, values: [value] }]);
}

/** Reports whether a filter can be turned round: who did not reach a goal, or is in no segment, is not counted. */
export function canTurn(key: FilterKey): boolean {
  return key !== "goal" && key !== "segment";
}

/** Filters in the table's order, so that one question has one address. */
export function sorted(filters: Filter[]): Filter[] {
  return filterTable.flatMap((info) => filters.filter((f) => f.key === info.key));
}

export type WireFilter = [string, string, string[]];

export function toWire(filters: Filter[]): WireFilter[] {
  return filters.map((f) => [f.not ? "is_not" : "is", filterInfo(f.key).dimension, f.values]);
}

const byDimension = new Map(filterTable.map((f) => [f.dimension, f.title.toLowerCase()]));

/** A message of the server with the titles of dimensions in place of their names on the wire. */
export function inWords(message: string): string {
  return message.replace(/["'`]?\b((?:visit|event):[a-z_]+)["'`]?/g, (all, name: string) => byDimension.get(name) ?? all);
}
