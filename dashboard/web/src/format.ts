// How numbers, dates and names are written. The page is in English; numbers and dates follow the reader's kind of English.

import { type Day, daysBetween, isDay } from "./day";
import type { MetricInfo } from "./metrics";
import type { Interval, Span } from "./period";

const fallbackLocale = "en-GB";

export function localeOf(language: string | undefined): string {
  return language?.startsWith("en") ? language : fallbackLocale;
}

const locale = localeOf(globalThis.navigator?.language);

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
const precise = new Intl.NumberFormat(locale, { notation: "compact", minimumFractionDigits: 2, maximumFractionDigits: 2 });
const ratio = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 2 });
const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

/** Counts from here on are shortened ("1.2M") where there is little room. */
const compactFrom = 100_000;
/** Money likewise, whose cents take room too. */
const compactMoneyFrom = 10_000;
/** … and from here on where there is more. */
const longest = 10_000_000;

export function count(n: number): string {
  return whole.format(n);
}

export function shortCount(n: number): string {
  return Math.abs(n) >= compactFrom ? compact.format(n) : whole.format(n);
}

export function axisCount(n: number): string {
  return compact.format(n);
}

export function axisMoney(n: number, currency: string): string {
  return money(n, currency, "compact");
}

/** 75 → "1m 15s", 3700 → "1h 1m". */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s}s`;
  const m = Math.floor(s / 60);
  if (m < 60) return s % 60 === 0 ? `${m}m` : `${m}m ${s % 60}s`;
  return m % 60 === 0 ? `${Math.floor(m / 60)}h` : `${Math.floor(m / 60)}h ${m % 60}m`;
}

/** An amount: in full, or in short ("€11.3K") where there is little room. */
function money(n: number, currency: string, notation: "standard" | "compact"): string {
  const most = notation === "compact" ? 1 : Math.abs(n) >= compactFrom ? 0 : undefined;
  const digits = most === undefined ? {} : { minimumFractionDigits: 0, maximumFractionDigits: most };
  try {
    return new Intl.NumberFormat(locale, { style: "currency", currency, notation, ...digits }).format(n);
  } catch {
    return `${ratio.format(n)} ${currency}`; // what is no currency's code is shown as it is
  }
}

/** A number of a metric. The currency is that of money. */
export function value(info: MetricInfo, n: number | null | undefined, currency = ""): string {
  if (n === null || n === undefined) return "–";
  switch (info.kind) {
    case "count":
      return count(n);
    case "money":
      return money(n, currency, "standard");
    case "ratio":
      return ratio.format(n);
    case "percent":
      return `${percent.format(n)}%`;
    case "seconds":
      return duration(n);
    case "milliseconds":
      return n < 1000 ? `${whole.format(n)}ms` : `${tenths.format(n / 1000)}s`;
  }
}

/** A number of a metric as one of the top numbers: in full, unless that is too wide for its place. */
export function topValue(info: MetricInfo, n: number | null | undefined, currency = ""): string {
  if (typeof n !== "number" || Math.abs(n) < longest) return value(info, n, currency);
  if (info.kind === "money") return money(n, currency, "compact");
  return info.kind === "count" ? precise.format(n) : value(info, n);
}

/** A number of a metric where there is little room. */
export function shortValue(info: MetricInfo, n: number | null | undefined, currency = ""): string {
  if (info.kind === "count" && typeof n === "number") return shortCount(n);
  if (info.kind === "money" && typeof n === "number" && Math.abs(n) >= compactMoneyFrom) return money(n, currency, "compact");
  return value(info, n, currency);
}

/** A part of a whole as a percentage: "12.3%", "<0.1%". */
export function share(part: number, total: number): string {
  if (total <= 0) return "–";
  const p = (part / total) * 100;
  if (p > 0 && p < 0.1) return "<0.1%";
  return `${p >= 10 ? Math.round(p) : percent.format(p)}%`;
}

/** Change in percent from before to now, or undefined when there is nothing to compare with. */
export function change(now: number | null | undefined, before: number | null | undefined): number | undefined {
  if (now === null || now === undefined || !before) return undefined;
  return Math.round(((now - before) / before) * 100);
}

/** How far a number moved: a percentage of what it was; of a percentage the points. Undefined without anything to compare. */
export function difference(
  info: MetricInfo, now: number | null | undefined, before: number | null | undefined,
): number | undefined {
  if (info.kind !== "percent") return change(now, before);
  if (typeof now !== "number" || typeof before !== "number") return undefined;
  return Math.round((now - before) * 10) / 10;
}

function dateFormat(options: Intl.DateTimeFormatOptions): (day: Day) => string {
  const format = new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
  return (day) => {
    const instant = Date.parse(`${day}T00:00:00Z`);
    return Number.isNaN(instant) ? day : format.format(instant); // what is no date is shown as it is
  };
}

const dayMonth = dateFormat({ day: "numeric", month: "short" });
const dayMonthYear = dateFormat({ day: "numeric", month: "short", year: "numeric" });
const weekday = dateFormat({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
const weekdayShort = dateFormat({ weekday: "short", day: "numeric", month: "short" });
const monthYear = dateFormat({ month: "long", year: "numeric" });
const monthShort = dateFormat({ month: "short" });
const rangeFormat = new Intl.DateTimeFormat(locale, {
  timeZone: "UTC", day: "numeric", month: "short", year: "numeric",
});
const rangeShort = new Intl.DateTimeFormat(locale, { timeZone: "UTC", day: "numeric", month: "short" });

/** A span in words: "18–24 Nov 2026", or the weekday and date of one day. The year is left out where it is today's. */
export function span(s: Span, today: Day = ""): string {
  const year = today.slice(0, 4);
  const sameYear = s.from.startsWith(year) && s.to.startsWith(year) && year !== "";
  if (s.from === s.to) return (sameYear ? weekdayShort : weekday)(s.from);
  const format = sameYear ? rangeShort : rangeFormat;
  return format.formatRange(new Date(`${s.from}T00:00:00Z`), new Date(`${s.to}T00:00:00Z`));
}

export const date = dayMonthYear;

/** The first and the last of some days: "1–20 Jan 2026", or the date of one. */
function firstToLast(first: Day, last: Day): string {
  return first === last ? date(first) : rangeFormat.formatRange(new Date(`${first}T00:00:00Z`), new Date(`${last}T00:00:00Z`));
}

const mostSpans = 3;

/** Days in words: "1–20 Jan 2026, 2 Feb 2026 and 12 more days", the first few of many. Each span is its first and last day. */
export function days(spans: [Day, Day][]): string {
  const words = spans.slice(0, mostSpans).map(([first, last]) => firstToLast(first, last));
  const more = spans.slice(mostSpans).reduce((n, [first, last]) => n + daysBetween(first, last), 0);
  if (more > 0) words.push(`${more} more ${more === 1 ? "day" : "days"}`);
  const end = words.pop() ?? "";
  return words.length > 0 ? `${words.join(", ")} and ${end}` : end;
}

// A word of a sentence: not a part of a path, of a value in quotes, or of an instant. At most 3 marks may follow.
const wireDays = /(^|[\s(])(\d{4}-\d\d-\d\d)(?: to (\d{4}-\d\d-\d\d))?(?=[.,;:)]{0,3}(?:\s|$))/g;

/** A sentence of the server with its days as they stand elsewhere on the page. */
export function inDates(sentence: string): string {
  return sentence.replace(wireDays, (all, before: string, first: Day, last: Day = first) =>
    isDay(first) && isDay(last) && first <= last ? before + firstToLast(first, last) : all);
}

const hourMinute = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });

/** The time of an instant on the reader's own clock. */
export function clock(atMs: number): string {
  return hourMinute.format(atMs);
}

/** A bucket's label for the axis. */
export function tick(label: string, interval: Interval): string {
  switch (interval) {
    case "hour":
      return label.slice(11, 16);
    case "day":
    case "week":
      return dayMonth(label);
    case "month":
      return monthShort(label.slice(0, 10));
  }
}

/** A bucket's label in full. A week is until a day. */
export function bucket({ label, until }: { label: string; until?: Day }, interval: Interval): string {
  switch (interval) {
    case "week":
      return rangeShort.formatRange(new Date(`${label}T00:00:00Z`), new Date(`${until ?? label}T00:00:00Z`));
    case "hour":
      return `${weekdayShort(label.slice(0, 10))}, ${label.slice(11, 16)}`;
    case "day":
      return weekdayShort(label);
    case "month":
      return monthYear(label.slice(0, 10));
  }
}
