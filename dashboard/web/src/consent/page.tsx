// The opt-in path of a site, for its owner. Which part is open is in the address.

import type { Site } from "../api";
import { useTitle } from "../hooks";
import { follow, go } from "../navigate";
import { Guard } from "../parts";
import { format, type View } from "../url";
import { AssessmentPart } from "./assessment";
import { LedgerPart } from "./ledger";
import { NoticesPart } from "./notices";
import { RatePart } from "./rate";
import { SettingsPart } from "./settings";
import { TagsPart } from "./tags";

export interface PartProps {
  site: Site;
  view: View;
}

const parts = [
  { id: "settings", label: "Settings", Part: SettingsPart },
  { id: "tags", label: "Tag and test", Part: TagsPart },
  { id: "notices", label: "Notices", Part: NoticesPart },
  { id: "rate", label: "Rate and coverage", Part: RatePart },
  { id: "ledger", label: "Ledger", Part: LedgerPart },
  { id: "assessment", label: "Self-assessment", Part: AssessmentPart },
];

/** The view with these words of the page's own in its address, in place of those there were. */
export function within(view: View, more: Record<string, string>): View {
  return { ...view, tab: "consent", more };
}

export function ConsentPage({ site, view }: PartProps) {
  useTitle(`Consent · ${site.site} · Turf`);
  const open = parts.find((p) => p.id === view.more?.["part"]) ?? parts[0]!;
  return (
    <main id="content" class="page consent">
      <h1 class="page-title">Consent</h1>
      <nav class="parts" aria-label="Parts of the consent page">
        {parts.map((p) => {
          const there = within(view, { part: p.id === parts[0]!.id ? "" : p.id });
          return (
            <a key={p.id} href={format(there)} aria-current={p === open ? "page" : undefined} onClick={follow(there)}>{p.label}</a>
          );
        })}
      </nav>
      <Guard key={open.id}><open.Part site={site} view={view} /></Guard>
    </main>
  );
}

/** Goes to another view of an open part. */
export function goWithin(view: View, more: Record<string, string>): void {
  go(within(view, more));
}
