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

/** What is wrong with a declaration. */
export interface Wrong {
  field: string; // of its form; "" where it is none, or none that is known
  reason: string;
}

/** The form's fields, by the last name of where the server finds a mistake: "goals[2].event: …", or "event_name: …" of what was sent. */
const formFields: Record<string, string> = {
  name: "name", display_name: "name", event: "what", page: "what", event_name: "what", page_path: "what",
  scroll: "scroll", scroll_threshold: "scroll", currency: "currency",
};

/** Takes the place of a mistake off what the server says: who fills in a form does not see the list that it is in. */
export function wrongIn(message: string): Wrong {
  const [, place, reason = ""] = /^((?:[a-z_]+(?:\[\d+\])?\.?)+): ([^]+)$/.exec(message) ?? [];
  if (place === undefined) return { field: "", reason: message };
  const said = reason.charAt(0).toUpperCase() + reason.slice(1);
  const step = /\bsteps\[(\d+)\]/.exec(place);
  if (step) return { field: "", reason: `Step ${Number(step[1]) + 1}: ${reason}` };
  const last = place.slice(place.lastIndexOf(".") + 1);
  return { field: formFields[last] ?? "", reason: said };
}
