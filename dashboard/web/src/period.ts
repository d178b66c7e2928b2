// The span of time that is looked at. Every span is whole days of the site's time zone.

import { addDays, addMonths, type Day, daysBetween, firstOfMonth } from "./day";

export type Preset = "today" | "yesterday" | "7d" | "30d" | "12mo";

export type Period = { preset: Preset } | { from: Day; to: Day };

export type Interval = "hour" | "day" | "week" | "month";

/** All steps of the chart, short ones first. */
export const intervals: readonly Interval[] = ["hour", "day", "week", "month"];

export interface Span {
  from: Day;
  to: Day; // included
}

export const presets: { id: Preset; label: string; short: string }[] = [
  { id: "today", label: "Today", short: "Today" },
  { id: "yesterday", label: "Yesterday", short: "Yesterday" },
  { id: "7d", label: "Last 7 days", short: "7 days" },
  { id: "30d", label: "Last 30 days", short: "30 days" },
  { id: "12mo", label: "Last 12 months", short: "12 months" },
];

export const defaultPreset: Preset = "7d";

/** Longest span whose chart shows days; longer ones show months. */
const maxDaysByDay = 92;
/** Longest span whose chart can be asked to show hours, and days; and shortest one that has weeks, and months, to show. */
const maxDaysByHour = 7;
const maxDaysAtAll = 400;
const minDaysByWeek = 14;
const minDaysByMonth = 60;

/** The days of a period, today being the given date in the site's zone. */
export function spanOf(period: Period, today: Day): Span {
  if (!("preset" in period)) return { from: period.from, to: period.to };
  switch (period.preset) {
    case "today":
      return { from: today, to: today };
    case "yesterday":
      return { from: addDays(today, -1), to: addDays(today, -1) };
    case "7d":
      return { from: addDays(today, -6), to: today };
    case "30d":
      return { from: addDays(today, -29), to: today };
    case "12mo":
      return { from: firstOfMonth(addMonths(today, -11)), to: today };
  }
}

/** What the span is compared with: as many days just before, or the same days a year earlier for the twelve months. */
export function spanBefore(period: Period, span: Span): Span {
  if ("preset" in period && period.preset === "12mo") {
    return { from: addMonths(span.from, -12), to: addMonths(span.to, -12) };
  }
  const days = daysBetween(span.from, span.to);
  return { from: addDays(span.from, -days), to: addDays(span.from, -1) };
}

export function intervalOf(span: Span): Interval {
  const days = daysBetween(span.from, span.to);
  if (days === 1) return "hour";
  return days <= maxDaysByDay ? "day" : "month";
}

/** The steps that the chart of a span can have. */
export function intervalsOf(span: Span): Interval[] {
  const days = daysBetween(span.from, span.to);
  if (days === 1) return ["hour"];
  const can: Record<Interval, boolean> = {
    hour: days <= maxDaysByHour, day: days <= maxDaysAtAll, week: days >= minDaysByWeek, month: days >= minDaysByMonth,
  };
  return intervals.filter((i) => can[i]);
}

/** The period one step back (-1) or forward (1), or undefined when it would begin after today. */
export function step(period: Period, direction: -1 | 1, today: Day): Period | undefined {
  const span = spanOf(period, today);
  let next: Span;
  if ("preset" in period && period.preset === "12mo") {
    next = direction < 0
      ? { from: addMonths(span.from, -12), to: addDays(span.from, -1) }
      : { from: addDays(span.to, 1), to: addMonths(span.to, 12) };
  } else {
    const days = daysBetween(span.from, span.to);
    next = { from: addDays(span.from, direction * days), to: addDays(span.to, direction * days) };
  }
  if (next.from > today) return undefined;
  return named(next.to > today ? { from: next.from, to: today } : next, today);
}

/** The preset that means just this span, else the span itself. */
export function named(span: Span, today: Day): Period {
  for (const { id } of presets) {
    const s = spanOf({ preset: id }, today);
    if (s.from === span.from && s.to === span.to) return { preset: id };
  }
  return span;
}
