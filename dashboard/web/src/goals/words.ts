// The filters of a segment in words.

import { filterTable } from "../filters";
import { label } from "../labels";
import type { SegmentFilter } from "./api";

const operators: Record<string, string> = {
  is: "is", is_not: "is not", contains: "contains", contains_not: "does not contain", matches: "matches", matches_not: "does not match",
  matches_wildcard: "fits", matches_wildcard_not: "does not fit",
};

const propPrefix = "event:props:";

/** "Country is Netherlands and (Page contains /blog or Event is Signup)". */
export function segmentWords(filters: SegmentFilter[], joint = "and"): string {
  return filters.map((f) => words(f, filters.length > 1)).join(` ${joint} `);
}

function words([op, what, values]: SegmentFilter, inside: boolean): string {
  if (op === "not") return `not ${words(what as SegmentFilter, true)}`;
  if (op === "and" || op === "or") {
    const joined = segmentWords(what as SegmentFilter[], op);
    return inside ? `(${joined})` : joined;
  }
  const dimension = what as string;
  const info = filterTable.find((f) => f.dimension === dimension);
  const title = info?.title ?? (dimension.startsWith(propPrefix) ? dimension.slice(propPrefix.length) : dimension);
  const named = ((values ?? []) as string[]).map((v) => (info && op.startsWith("is") ? label(info.key, v) : v));
  return `${title} ${operators[op] ?? op} ${named.join(" or ")}`;
}
