// Civil dates as "YYYY-MM-DD" strings: they know no time zone and compare as text.

export type Day = string;

const dayPattern = /^\d{4}-\d{2}-\d{2}$/;
const msPerDay = 86_400_000;

function utc(day: Day): Date {
  return new Date(`${day}T00:00:00Z`);
}

function fromUTC(date: Date): Day {
  return date.toISOString().slice(0, 10);
}

/** Reports whether text is a date that exists. */
export function isDay(text: string): boolean {
  return dayPattern.test(text) && !Number.isNaN(utc(text).getTime()) && fromUTC(utc(text)) === text;
}

export function addDays(day: Day, days: number): Day {
  return fromUTC(new Date(utc(day).getTime() + days * msPerDay));
}

/** Number of days from the first to the last, both included. */
export function daysBetween(first: Day, last: Day): number {
  return Math.round((utc(last).getTime() - utc(first).getTime()) / msPerDay) + 1;
}

/** The same day of another month; the month's last day where there is no such day. */
export function addMonths(day: Day, months: number): Day {
  const d = utc(day);
  const first = new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + months, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  first.setUTCDate(Math.min(d.getUTCDate(), last));
  return fromUTC(first);
}

export function firstOfMonth(day: Day): Day {
  return `${day.slice(0, 7)}-01`;
}

/** The Monday on or before a day. */
export function monday(day: Day): Day {
  return addDays(day, -((utc(day).getUTCDay() + 6) % 7));
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** Date and time ("YYYY-MM-DD HH:MM:SS") that a clock in the zone shows at an instant. */
export function clock(instant: Date, zone: string): string {
  let format = clocks.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    clocks.set(zone, format);
  }
  const part: Record<string, string> = {};
  for (const p of format.formatToParts(instant)) part[p.type] = p.value;
  return `${part["year"]}-${part["month"]}-${part["day"]} ${part["hour"]}:${part["minute"]}:${part["second"]}`;
}

/** The date in the zone at an instant. */
export function today(zone: string, now: Date = new Date()): Day {
  return clock(now, zone).slice(0, 10);
}

const quarterHourMs = 15 * 60_000;
const farthestZoneMs = 15 * 3_600_000;

/**
 * The hours ("00" … "23") that a day has in the zone, in order, each once: the hour that the clock skips in spring is not
 * there. An hour that comes twice in autumn is there once, see fill in buckets.ts.
 */
export function hoursOf(day: Day, zone: string): string[] {
  const hours: string[] = [];
  const start = utc(day).getTime() - farthestZoneMs;
  const end = utc(day).getTime() + msPerDay + farthestZoneMs;
  for (let t = start; t < end; t += quarterHourMs) {
    const label = clock(new Date(t), zone);
    const hour = label.slice(11, 13);
    if (label.startsWith(day) && !hours.includes(hour)) hours.push(hour);
  }
  return hours;
}
