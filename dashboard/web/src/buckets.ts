// The chart's buckets: the API leaves empty ones out, here they come back.

import { addDays, addMonths, clock, firstOfMonth, hoursOf } from "./day";
import type { Interval, Span } from "./period";

export interface Bucket {
  label: string; // as on the wire: "YYYY-MM-DD" or "YYYY-MM-DD HH:00:00"
  values: (number | null)[]; // one a metric; null: nothing to show
  state: "past" | "running" | "future";
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
      return hoursOf(span.from, zone).map((h) => `${span.from} ${h}:00:00`);
    case "day":
      for (let d = span.from; d <= span.to; d = addDays(d, 1)) labels.push(d);
      return labels;
    case "month":
      for (let d = firstOfMonth(span.from); d <= span.to; d = addMonths(d, 1)) labels.push(d);
      return labels;
  }
}

/** What of a label tells its bucket: a month may be labelled with any of its days, an hour with any of its minutes. */
function keyOf(label: string, interval: Interval): string {
  return label.slice(0, { hour: 13, day: 10, month: 7 }[interval]);
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
  const current = keyOf(clock(now, zone), interval);
  const buckets: Bucket[] = [];
  for (const label of labelsOf(span, interval, zone)) {
    const key = keyOf(label, interval);
    const state = key < current ? "past" : key === current ? "running" : "future";
    for (const row of byKey.get(key) ?? [undefined]) {
      const values = row?.values ?? (state === "future" ? empty.map(() => null) : empty);
      buckets.push({ label, values, state });
    }
  }
  return buckets;
}
