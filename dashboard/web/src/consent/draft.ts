// A new version of a notice, begun from the one before.

import type { Draft, Notice, Purpose, Text } from "./api";
import { starter } from "./starter";

/** The languages that a new text can begin with words in. */
export const languages = ["nl", "en", "de", "fr"];

/** The newest version of each purpose, as notices name it. */
export function newest(purposes: Purpose[]): string[] {
  const found = new Map<string, number>();
  for (const p of purposes) found.set(p.id, Math.max(p.version, found.get(p.id) ?? 0));
  return [...found].map(([id, version]) => `${id}@${version}`);
}

export function draftOf(before: Notice | undefined, purposes: Purpose[]): Draft {
  const all = newest(purposes);
  if (!before) {
    return {
      default_lang: "nl", lang: { nl: textIn("nl", all), en: textIn("en", all) }, purposes: all, controller: { name: "" },
      storage_locations: [], jurisdiction: "", withdrawal_method: "", rights_url: "", authority: "", material: true,
    };
  }
  const ids = before.purposes.map((at) => at.split("@")[0]);
  return {
    default_lang: before.default_lang, lang: structuredClone(before.lang),
    purposes: all.filter((at) => ids.includes(at.split("@")[0])), controller: { ...before.controller },
    ...(before.processors ? { processors: before.processors } : {}), storage_locations: before.storage_locations,
    jurisdiction: before.jurisdiction, withdrawal_method: before.withdrawal_method, rights_url: before.rights_url,
    authority: before.authority, material: false,
  };
}

/** A text to begin with: in a language there are words for, or empty. */
export function textIn(lang: string, purposes: string[]): Text {
  const words = starter[lang];
  const texts: Record<string, string> = {};
  for (const at of purposes) {
    const id = at.split("@")[0]!;
    texts[id] = words?.purposes[id] ?? "";
  }
  return words ? { ...words, purposes: texts } : { title: "", body: "", accept: "", reject: "", save: "", privacy: "", purposes: texts };
}

/** The draft with a purpose taken in or left out. */
export function withPurpose(d: Draft, at: string, yes: boolean): Draft {
  const purposes = yes ? [...d.purposes, at] : d.purposes.filter((p) => p !== at);
  const lang: Record<string, Text> = {};
  for (const [l, text] of Object.entries(d.lang)) {
    lang[l] = { ...text, purposes: { ...textIn(l, purposes).purposes, ...keep(text.purposes, purposes) } };
  }
  return { ...d, purposes, lang };
}

function keep(texts: Record<string, string>, purposes: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([id]) => purposes.some((at) => at.split("@")[0] === id)));
}
