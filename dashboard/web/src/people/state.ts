// What the page of reports keeps in the address: which report, its question as JSON, and whether numbers are weighted:
// /example.com?tab=people&report=journeys&ask={"steps":3}&weight=1
// What cannot be read becomes the default; what can is judged by the server.

import type { Cohort, Condition, Match } from "./wire";

export const reports = {
  funnels: "Funnels",
  retention: "Retention",
  journeys: "Journeys",
  adoption: "Adoption",
  clicks: "Clicks",
  heatmap: "Heatmap",
} as const;

export type Report = keyof typeof reports;

/** A question as it came from the address. */
export type Raw = Record<string, unknown>;

export function reportOf(more: Record<string, string> | undefined): Report {
  const name = more?.["report"] ?? "";
  return Object.hasOwn(reports, name) ? (name as Report) : "funnels";
}

/** The question of the address, or undefined where nothing was asked yet. */
export function rawOf(more: Record<string, string> | undefined): Raw | undefined {
  try {
    const raw: unknown = JSON.parse(more?.["ask"] ?? "");
    return isObject(raw) ? raw : undefined;
  } catch {
    return undefined;
  }
}

function isObject(v: unknown): v is Raw {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

export function textOf(v: unknown): string {
  return typeof v === "string" ? v : "";
}

/** One of the options, the first where it is none. */
export function oneOf<T extends string>(v: unknown, options: readonly T[]): T {
  return options.find((o) => o === v) ?? options[0]!;
}

/** A whole number between the two, or the fallback. */
export function wholeOf(v: unknown, min: number, max: number, fallback: number): number {
  return typeof v === "number" && Number.isInteger(v) && v >= min && v <= max ? v : fallback;
}

export function listOf(v: unknown): unknown[] {
  return Array.isArray(v) ? v : [];
}

export function matchOf(v: unknown): Match {
  if (!isObject(v)) return {};
  const match: Match = {};
  if (typeof v["event"] === "string") match.event = v["event"];
  else if (typeof v["page"] === "string") match.page = v["page"];
  const props = listOf(v["props"]).filter(isObject).map((p): Condition => ({
    name: textOf(p["name"]), op: textOf(p["op"]), values: listOf(p["values"]).map(textOf),
  }));
  if (props.length > 0) match.props = props;
  return match;
}

export function cohortOf(v: unknown): Cohort | undefined {
  if (!isObject(v)) return undefined;
  const rules = listOf(v["rules"]).filter(isObject).map((r) => {
    const rule: Cohort["rules"][number] = { did: matchOf(r["did"]) };
    if (typeof r["at_least"] === "number") rule.at_least = r["at_least"];
    if (typeof r["at_most"] === "number") rule.at_most = r["at_most"];
    return rule;
  });
  return rules.length > 0 ? { rules } : undefined;
}

/** The list without what is at a place. */
export function without<T>(list: T[], at: number): T[] {
  return list.filter((_, i) => i !== at);
}

/** The list with something else at a place. */
export function replaced<T>(list: T[], at: number, value: T): T[] {
  return list.map((old, i) => (i === at ? value : old));
}

/** A match that says nothing where it should. */
export function isBlank(m: Match): boolean {
  return !m.event?.trim() && !m.page?.trim();
}

/** How a match is named, as the server does. */
export function matchName(m: Match): string {
  if (m.page !== undefined) return `Visit ${m.page}`;
  return m.event ?? "anything";
}

/** Leaves out what is empty, so that addresses are short and the server's defaults hold. */
export function compact(question: object): Raw {
  return Object.fromEntries(Object.entries(question).filter(([, v]) =>
    v !== undefined && v !== "" && v !== false && !(Array.isArray(v) && v.length === 0)));
}

const units = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]] as const;

export type TimeUnit = (typeof units)[number][0];

/** 7200 → 2 hours: the largest unit that fits. */
export function splitTime(sec: number): { n: number; unit: TimeUnit } {
  const [unit, size] = units.find(([, s]) => sec % s === 0) ?? units[3];
  return { n: sec / size, unit };
}

export function joinTime(n: number, unit: TimeUnit): number {
  return n * units.find(([u]) => u === unit)![1];
}

/** "1-3, 7" → [[1,3],[7,7]]; undefined where it is not written so. */
export function bracketsOf(text: string): [number, number][] | undefined {
  const brackets: [number, number][] = [];
  for (const part of text.split(",")) {
    const found = /^\s*(\d+)\s*(?:[-–]\s*(\d+)\s*)?$/.exec(part);
    if (!found) return undefined;
    const from = Number(found[1]);
    const to = found[2] === undefined ? from : Number(found[2]);
    if (to < from) return undefined;
    brackets.push([from, to]);
  }
  return brackets;
}

export function bracketText(brackets: [number, number][]): string {
  return brackets.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(", ");
}
