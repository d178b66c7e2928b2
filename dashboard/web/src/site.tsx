// The page of one site.

import { useRef, useState } from "preact/hooks";
import { ask, type Site } from "./api";
import { Buttons } from "./buttons";
import { Chips } from "./chips";
import type { Combination } from "./combine";
import { type Day, today as todayIn } from "./day";
import { Drops } from "./drops";
import { GettingStarted, NothingHere, OutOfDate } from "./empty";
import { Funnels } from "./funnels";
import { useAnswer, useTicker, useTitle } from "./hooks";
import { Live, useCurrent } from "./live";
import { Overview, topNumbers } from "./overview";
import { Panel } from "./panel";
import { panelsOf } from "./panels";
import { type Span, spanBefore, spanOf } from "./period";
import { Properties } from "./properties";
import { restMs } from "./rest";
import { Toolbar } from "./toolbar";
import type { View } from "./url";
import { Vitals } from "./vitals";

/** How often the page looks whether something is new, in milliseconds. */
const lookMs = 2500;
/** The page asks again when somebody is there, and when this long has passed without anybody, after a rest (see restMs). */
const quietMs = 30_000;

interface Props {
  site: Site;
  view: View;
  placeNote: string | undefined;
  combinations: Combination[];
}

export function SitePage({ site, view, placeNote, combinations }: Props) {
  const now = todayIn(site.timezone);
  const span = spanOf(view.period, now);
  const before = spanBefore(view.period, span);
  const live = span.from <= now && now <= span.to;
  useTitle(`${site.site} · Turf`);

  const current = useCurrent(site.site, lookMs);
  const [tick, setTick] = useState(0);
  const asked = useRef({ at: 0, tookMs: 0, current: -1 });
  const key = JSON.stringify([site.site, span, view.filters]);
  const top = useAnswer(key, live ? tick : 0, async (signal) => {
    const at = Date.now();
    const numbers = await topNumbers(site.site, span, view.filters, signal);
    asked.current = { at, tookMs: Date.now() - at, current: current ?? -1 };
    return numbers;
  });

  const quiet = !top.loading && view.filters.length === 0 && top.data?.values.visitors === 0 && !top.data.values.pageviews;
  const days = useAnswer(`${site.site} ${quiet}`, tick, (signal) => quiet ? countedDays(site.site, signal) : never());
  useTicker(lookMs, () => {
    const { at, tookMs, current: seen } = asked.current;
    const rested = Date.now() - at > restMs(tookMs);
    const news = current !== seen || current !== 0 || quiet || Date.now() - at > quietMs;
    if ((live || quiet) && rested && news) setTick((n) => n + 1);
  });
  if (quiet && days.data === null) return <GettingStarted site={site.site} />;

  return (
    <main id="content" class="page">
      <h1 class="hidden">{site.site}</h1>
      <Toolbar view={view} span={span} today={now}>
        <Live count={current} />
      </Toolbar>
      <Chips site={site} view={view} />
      {top.error && top.data && <OutOfDate at={top.at} reason={top.error.message} />}
      {quiet && days.data && <NothingHere view={view} days={days.data} />}
      <Overview
        site={site} view={view} span={span} before={before} live={live} tick={live ? tick : 0} top={top} combinations={combinations}
      />
      <div class={`panels ${quiet ? "empty" : ""}`}>
        {panelsOf(site).map((p) => (
          <Panel
            key={p.id} panel={p} site={site.site} view={view} span={span} tick={live ? tick : 0}
            total={top.loading ? undefined : top.data?.values.visitors ?? undefined}
            combinations={combinations} note={p.id === "places" ? placeNote : undefined}
          />
        ))}
      </div>
      <Properties site={site.site} view={view} span={span} tick={live ? tick : 0} />
      {site.funnels && <Funnels site={site} view={view} span={span} tick={live ? tick : 0} />}
      {site.buttons && <Buttons site={site.site} view={view} span={span} tick={live ? tick : 0} />}
      <Vitals site={site.site} view={view} span={span} tick={live ? tick : 0} />
      <Drops site={site.site} span={span} tick={live ? tick : 0} />
    </main>
  );
}

function never(): Promise<undefined> {
  return Promise.resolve(undefined);
}

/** The first and last day with a visitor, or null when there never was one. */
async function countedDays(site: string, signal: AbortSignal): Promise<Span | null> {
  const { rows } = await ask({ site, metrics: ["visitors"], range: "all", dimensions: ["time:day"] }, signal);
  const days: Day[] = rows.filter((r) => (r.values[0] ?? 0) > 0).map((r) => r.dimensions[0]!).sort();
  return days.length > 0 ? { from: days[0]!, to: days.at(-1)! } : null;
}
