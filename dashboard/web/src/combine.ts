// What can be asked for together, so that the page can say before the click what is not counted.

import { type Filter, filterInfo, type FilterKey } from "./filters";

/** A set of dimensions of which any can be asked for and filtered by together; see Combinations of the server's package stats. */
export interface Combination {
  grain: "hour" | "day";
  dimensions: string[];
}

/** Reports whether values of a kind are counted under the filters. Where the server says nothing, it is tried. */
export function isCounted(all: Combination[], key: FilterKey, filters: Filter[]): boolean {
  const wanted = [key, ...filters.map((f) => f.key)].map((k) => filterInfo(k).dimension);
  return all.length === 0 || all.some((c) => c.grain === "day" && wanted.every((name) => c.dimensions.includes(name)));
}

/** Reports whether hours are counted under the filters. */
export function hasHours(all: Combination[], filters: Filter[]): boolean {
  const wanted = filters.map((f) => filterInfo(f.key).dimension);
  return all.length === 0 || all.some((c) => c.grain === "hour" && wanted.every((name) => c.dimensions.includes(name)));
}

/** Says why values of a kind are not counted under the filters. */
export function clash(key: FilterKey, filters: Filter[]): string {
  const { title, plural } = filterInfo(key);
  const titles = filters.filter((f) => f.key !== key).map((f) => filterInfo(f.key).title.toLowerCase());
  const last = titles.pop() ?? "";
  const others = [...titles, last].join(", ").replace(/, ([^,]*)$/, " and $1");
  return `${title} is not counted together with ${others}, so that no row can be traced to a person. Remove a filter to see ${plural}.`;
}
