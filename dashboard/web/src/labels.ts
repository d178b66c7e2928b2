// How stored values are shown to people.

import type { FilterKey } from "./filters";

/** What is hidden by the privacy rule or came after a limit, see design: no value of its own. */
export const other = "(other)";

/** What the server calls a value that is missing. */
export const notSet = "(not set)";

const unknown = "Unknown";

let countryNames: Intl.DisplayNames | undefined;
let languageNames: Intl.DisplayNames | undefined;

/** "NL" → "Netherlands". */
export function country(code: string): string {
  countryNames ??= new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });
  try {
    return countryNames.of(code) ?? code;
  } catch {
    return code; // not a code at all
  }
}

/** "nl" → "Dutch". */
function language(code: string): string {
  languageNames ??= new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });
  try {
    return languageNames.of(code) ?? code;
  } catch {
    return code;
  }
}

/** "NL-NH" → "NH, Netherlands", where its name is not known. */
function region(value: string): string {
  const match = /^([A-Z]{2})-(.+)$/.exec(value);
  return match ? `${match[2]}, ${country(match[1]!)}` : value;
}

/** The names that the server gave to codes, by kind and code: there are as many as were shown. */
const names = new Map<string, string>();

/** Remembers the name of a code. */
export function learn(key: FilterKey, code: string, name: string | undefined): void {
  if (name !== undefined) names.set(`${key} ${code}`, name);
}

/** Reports whether a value can be shown by its name. */
export function isNamed(key: FilterKey, value: string): boolean {
  return value === other || value === notSet || names.has(`${key} ${value}`);
}

/** A dimension's value as text. */
export function label(key: FilterKey, value: string): string {
  if (value === other) return "Other";
  if (value === "" || value === notSet) return key === "source" ? "Direct / None" : unknown;
  switch (key) {
    case "country":
      return country(value);
    case "language":
      return language(value);
    case "screen":
      return `${value} px`;
    case "region":
      return names.get(`${key} ${value}`) ?? region(value);
    case "city":
      return names.get(`${key} ${value}`) ?? value;
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
