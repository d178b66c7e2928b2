// Consent rates by version of the notice, from the daily counters.

import type { Notice, RateRow } from "./api";

export interface Rate {
  notice: string; // its id
  version: number | undefined; // undefined: of no notice that is there
  shown: number; // by Turf's own prompt; a consent manager does not tell
  accepted: number;
  refused: number;
  dismissed: number;
  withdrawn: number;
}

/** The counters added up by notice, the newest version first. */
export function ratesOf(rows: RateRow[], notices: Notice[]): Rate[] {
  const rates = new Map<string, Rate>();
  for (const r of rows) {
    let rate = rates.get(r.notice_id);
    if (!rate) {
      const version = notices.find((n) => n.notice_id === r.notice_id)?.version;
      rate = { notice: r.notice_id, version, shown: 0, accepted: 0, refused: 0, dismissed: 0, withdrawn: 0 };
      rates.set(r.notice_id, rate);
    }
    switch (r.action) {
      case "shown":
      case "accepted":
      case "refused":
      case "dismissed":
      case "withdrawn":
        rate[r.action] += r.count;
    }
  }
  return [...rates.values()].sort((a, b) => (b.version ?? 0) - (a.version ?? 0));
}

/** How many saw the prompt and said neither yes nor no; undefined where nobody was seen to be asked. */
export function unanswered(r: Rate): number | undefined {
  return r.shown === 0 ? undefined : Math.max(0, r.shown - r.accepted - r.refused);
}
