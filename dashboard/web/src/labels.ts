// How stored values are shown to people.

import type { FilterKey } from "./filters";

/** What is hidden by the privacy rule or came after a limit, see design: no value of its own. */
export const other = "(other)";

/** What the server calls a value that is missing. */
export const notSet = "(not set)";

const unknown = "Unknown";

let countryNames: Intl.DisplayNames | undefined;

/** "NL" → "Netherlands". */
export function country(code: string): string {
  countryNames ??= new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });
  try {
    return countryNames.of(code) ?? code;
  } catch {
    return code; // not a code at all
  }
}

/** "NL-NH" → "NH, Netherlands"; "NL-NH:North Holland" → "North Holland". */
function region(value: string): string {
  const colon = value.indexOf(":");
  if (colon >= 0) return value.slice(colon + 1);
  const match = /^([A-Z]{2})-(.+)$/.exec(value);
  return match ? `${match[2]}, ${country(match[1]!)}` : value;
}

/** "2759794:Amsterdam" → "Amsterdam". */
function city(value: string): string {
  const match = /^\d*:(.+)$/.exec(value);
  return match ? match[1]! : value;
}

/** A dimension's value as text. */
export function label(key: FilterKey, value: string): string {
  if (value === other) return "Other";
  if (value === "" || value === notSet) return key === "source" ? "Direct / None" : unknown;
  switch (key) {
    case "country":
      return country(value);
    case "region":
      return region(value);
    case "city":
      return city(value);
    default:
      return value;
  }
}

/** The country code that a place's value begins with, for its badge. */
export function countryCode(key: FilterKey, value: string): string | undefined {
  if (key === "country") return /^[A-Z]{2}$/.test(value) ? value : undefined;
  if (key === "region") return /^([A-Z]{2})-/.exec(value)?.[1];
  return undefined;
}
