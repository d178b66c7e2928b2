// The page of a site about people who consented: reports over their events, each with how many of all visitors they are.

import type { ComponentType } from "preact";
import type { Site } from "../api";
import { today as todayIn } from "../day";
import { useTitle } from "../hooks";
import { follow, go } from "../navigate";
import { type Span, spanOf } from "../period";
import { Toolbar } from "../toolbar";
import { format, type View } from "../url";
import { AdoptionReport } from "./adoption";
import { ClicksReport } from "./clicks";
import { CohortCard } from "./cohort";
import { Check, type Suggestions, useSuggestions } from "./fields";
import { Funnels } from "./funnels";
import { HeatmapReport } from "./heatmap";
import { JourneysReport } from "./journeys";
import { RetentionReport } from "./retention";
import { cohortOf, compact, type Raw, rawOf, type Report, reportOf, reports } from "./state";
import type { Cohort } from "./wire";

/** What each report is given. */
export interface ReportProps {
  site: string;
  span: Span;
  /** What was asked, from the address; undefined: nothing yet. */
  raw: Raw | undefined;
  /** What all questions about people have in common. */
  common: Raw;
  weight: boolean;
  suggestions: Suggestions;
  /** Asks, by the address. */
  onAsk: (question: Raw) => void;
}

const pages: Record<Report, ComponentType<ReportProps>> = {
  funnels: Funnels, retention: RetentionReport, journeys: JourneysReport, adoption: AdoptionReport, clicks: ClicksReport,
  heatmap: HeatmapReport,
};

/** Clicks are numbers of clicks and heatmaps of nobody: neither has people to weight or to choose. */
const unweighted: readonly Report[] = ["clicks", "heatmap"];

export function PeoplePage({ site, view }: { site: Site; view: View }) {
  const now = todayIn(site.timezone);
  const span = spanOf(view.period, now);
  const report = reportOf(view.more);
  const raw = rawOf(view.more);
  const weight = view.more?.["weight"] === "1" && !unweighted.includes(report);
  const cohort = cohortJSON(view.more?.["cohort"]);
  const suggestions = useSuggestions(site.site, span);
  useTitle(`People · ${site.site} · Turf`);

  const there = (more: Record<string, string>): View => ({ ...view, more: { ...view.more, ...more } });
  const Page = pages[report];
  const common = unweighted.includes(report) ? {} : compact({ weight, cohort });
  return (
    <main id="content" class="page people">
      <h1 class="hidden">People of {site.site}</h1>
      <Toolbar view={view} span={span} today={now}>
        <nav class="report-tabs" aria-label="Reports">
          {Object.entries(reports).map(([id, name]) => (
            <a
              key={id} href={format(there({ report: id, ask: "" }))} data-report={id}
              aria-current={id === report ? "page" : undefined} onClick={follow(there({ report: id, ask: "" }))}
            >
              {name}
            </a>
          ))}
        </nav>
      </Toolbar>
      {!unweighted.includes(report) && (
        <div class="people-options">
          <Check
            label="Weight to all visitors" name="weight" checked={weight} onChange={(on) => go(there({ weight: on ? "1" : "" }))}
          />
          <CohortCard
            site={site.site} span={span} cohort={cohort} suggestions={suggestions}
            onChange={(c) => go(there({ cohort: c ? JSON.stringify(c) : "" }))}
          />
        </div>
      )}
      <Page
        key={report} site={site.site} span={span} raw={raw} common={common} weight={weight} suggestions={suggestions}
        onAsk={(question) => go(there({ report, ask: JSON.stringify(question) }))}
      />
    </main>
  );
}

function cohortJSON(text: string | undefined): Cohort | undefined {
  return cohortOf(rawOf({ ask: text ?? "" }));
}
