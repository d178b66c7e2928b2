// What a site's owner declares, to those who may change the site (dashboard/goals.go, funnels.go and segments.go).

import { call, send } from "../api";

export interface Goal {
  id: string;
  display_name: string;
  event_name: string | null; // a goal has an event or a page
  page_path: string | null;
  scroll_threshold: number; // how much of the page must be seen, in percent; -1: a view is enough
  currency?: string; // of the amounts that are added up
  counted_since?: string; // left out: what came before it was declared is known too
}

export interface Step {
  event?: string; // a step has an event or a page
  page?: string;
}

export interface Funnel {
  id: string;
  name: string;
  steps: Step[];
  window_sec: number; // 0: the whole day
  counted_since: string;
}

export interface Segment {
  id: string;
  name: string;
  filters: SegmentFilter[]; // all must hold
  counted_since: string;
}

/** A comparison, or filters under and, or, not. */
export type SegmentFilter = [operator: string, dimension: string, values: string[], options?: object] | [operator: string, of: unknown];

export interface Declared {
  goals: Goal[];
  funnels: Funnel[];
  segments: Segment[];
}

export type Kind = keyof Declared;

const at = "/api/v1/sites";
const most = 1000; // that one answer lists; a site has fewer of each

export async function declared(site: string, signal: AbortSignal): Promise<Declared> {
  const list = async (kind: Kind): Promise<Partial<Declared>> =>
    (await call(`${at}/${kind}?site_id=${encodeURIComponent(site)}&limit=${most}`, { signal })) as Partial<Declared>;
  const lists = await Promise.all([list("goals"), list("funnels"), list("segments")]);
  return Object.assign({ goals: [], funnels: [], segments: [] }, ...lists) as Declared;
}

/** Declares something; what is the same already stays as it is. */
export async function declare(site: string, kind: Kind, what: object): Promise<void> {
  await send("PUT", `${at}/${kind}`, { site_id: site, ...what });
}

export async function takeBack(site: string, kind: Kind, id: string): Promise<void> {
  await send("DELETE", `${at}/${kind}/${encodeURIComponent(id)}`, { site_id: site });
}
