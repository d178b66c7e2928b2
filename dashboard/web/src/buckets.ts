// The chart's buckets: the API leaves empty ones out, here they come back.

import { addDays, addMonths, clock, type Day, firstOfMonth, hoursOf, monday } from "./day";
import type { Interval, Span } from "./period";

export interface Bucket {
  label: string; // as on the wire: "YYYY-MM-DD" or "YYYY-MM-DD HH:00:00"
  values: (number | null)[]; // one a metric; null: nothing to show
  until?: Day; // of a week: the last of its days that is in the span
  state: "past" | "running" | "future";
  unknown?: boolean; // a value that is null is not known; otherwise there was nothing to tell it of
}

export interface Row {
  label: string;
  values: (number | null)[];
}

/** The labels of all buckets of a span, in order. */
export function labelsOf(span: Span, interval: Interval, zone: string): string[] {
  const labels: string[] = [];
  switch (interval) {
    case "hour":
      for (let d = span.from; d <= span.to; d = addDays(d, 1)) labels.push(...hoursOf(d, zone).map((h) => `${d} ${h}:00:00`));
      return labels;
    case "day":
      for (let d = span.from; d <= span.to; d = addDays(d, 1)) labels.push(d);
      return labels;
    case "week": // the first one begins with the span
      for (let d = span.from; d <= span.to; d = addDays(monday(d), 7)) labels.push(d);
      return labels;
    case "month":
      for (let d = firstOfMonth(span.from); d <= span.to; d = addMonths(d, 1)) labels.push(d);
      return labels;
  }
}

/** What of a label tells its bucket: a month may be labelled with any of its days, an hour with any of its minutes. */
function keyOf(label: string, interval: Interval): string {
  return label.slice(0, { hour: 13, day: 10, week: 10, month: 7 }[interval]);
}

/**
 * Puts the rows of an answer into the buckets of the span. Empty buckets get the values of `empty` (0 for a count, null for a
 * rate). The hour that comes twice when the clock goes back has two rows with one label: it becomes two buckets.
 */
export function fill(
  rows: Row[], span: Span, interval: Interval, zone: string, empty: (number | null)[], now: Date,
): Bucket[] {
  const byKey = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keyOf(row.label, interval);
    byKey.set(key, [...(byKey.get(key) ?? []), row]);
  }
  const labels = labelsOf(span, interval, zone);
  const time = keyOf(clock(now, zone), interval);
  const current = interval === "week" ? runningWeek(labels, time, span.to) : time;
  const buckets: Bucket[] = [];
  for (const label of labels) {
    const key = keyOf(label, interval);
    const state = key < current ? "past" : key === current ? "running" : "future";
    for (const row of byKey.get(key) ?? [undefined]) {
      const values = row?.values ?? (state === "future" ? empty.map(() => null) : empty);
      buckets.push({ label, values, ...(interval === "week" && { until: lastOfWeek(label, span.to) }), state });
    }
  }
  return buckets;
}

/** Reports whether one of the days of a bucket is in the spans, which are first and last days. */
export function touches({ label, until }: Bucket, interval: Interval, spans: [Day, Day][]): boolean {
  const first = label.slice(0, 10);
  const last = interval === "month" ? addDays(addMonths(first, 1), -1) : until ?? first;
  return spans.some(([from, to]) => from <= last && to >= first);
}

/** The places of the values between two gaps: no line goes through them. */
export function alone(values: ArrayLike<number | null | undefined>): number[] {
  const is = (i: number): boolean => typeof values[i] === "number";
  return Array.from(values, (_, i) => i).filter((i) => is(i) && !is(i - 1) && !is(i + 1));
}

function lastOfWeek(first: Day, end: Day): Day {
  const sunday = addDays(monday(first), 6);
  return sunday < end ? sunday : end;
}

/** The label of the week that today is in, or today's date where that is after the span. */
function runningWeek(labels: string[], today: Day, end: Day): string {
  return today > end ? today : labels.findLast((l) => l <= today) ?? today;
}
