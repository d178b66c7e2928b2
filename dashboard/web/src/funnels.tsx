// How many visitors took the steps of a funnel: a bar for each step, and who was lost between them.

import { useState } from "preact/hooks";
import { type Funnel, type FunnelStep, funnel as askFunnel, importedText, type Site } from "./api";
import * as fmt from "./format";
import { useAnswer } from "./hooks";
import { Refusal } from "./parts";
import type { Span } from "./period";
import { PickedPanel } from "./picked";
import type { View } from "./url";

const unfiltered = "Funnels are counted for all visitors together, so that no row can be traced to a person. " +
  "Remove the filters to see them.";

interface Props {
  site: Site;
  view: View;
  span: Span;
  tick: number;
}

/** The panel of the site's funnels, one of which is shown. The site has at least one. */
export function Funnels({ site, view, span, tick }: Props) {
  const names = site.funnels ?? [];
  const [picked, setPicked] = useState(names[0]!);
  return (
    <PickedPanel
      panel="funnels" title="Funnels" one="Funnel" names={names} name={picked} onPick={setPicked}
      refusal={view.filters.length > 0 ? unfiltered : undefined}
    >
      <Steps key={picked} site={site.site} name={picked} span={span} tick={tick} />
    </PickedPanel>
  );
}

function Steps({ site, name, span, tick }: { site: string; name: string; span: Span; tick: number }) {
  const { data, error, loading } = useAnswer(JSON.stringify([site, name, span]), tick, (signal) =>
    askFunnel(site, name, span, signal));
  if (error && !data) return <Refusal status={error.status} reason={error.message} />;
  if (!data) return <div class="bones" aria-hidden="true"><span class="bone" /><span class="bone" /></div>;
  return (
    <div class={loading ? "stale" : ""} aria-busy={loading}>
      <div class="row-heads" aria-hidden="true">
        <span>Step</span>
        <span class="num">Visitors</span>
        <span class="num" title="Of those who began">Of all</span>
        <span class="num" title="Of those who took the step before">Went on</span>
        <span class="num" title="Those who took the step before, and not this one">Lost</span>
        <span class="num wide-only" title="Half of them needed at most so long since the first step">Time</span>
      </div>
      <ol class="rows">
        {data.steps.map((s, i) => <StepRow key={i} step={s} first={data.steps[0]!} before={data.steps[i - 1]} />)}
      </ol>
      <p class="note">{noteOf(data)}</p>
    </div>
  );
}

function StepRow({ step, first, before }: { step: FunnelStep; first: FunnelStep; before: FunnelStep | undefined }) {
  const part = first.visitors > 0 ? step.visitors / first.visitors : 0;
  return (
    <li class="row" data-value={step.label}>
      <span class="bar-space"><span class="bar-fill" style={{ width: `${part * 100}%` }} /></span>
      <span class="name"><span class="name-text" title={step.label}>{step.label}</span></span>
      <span class="num" data-number="visitors" title={fmt.count(step.visitors)}>
        {fmt.shortCount(step.visitors)}<span class="hidden"> visitors</span>
      </span>
      <span class="num" data-number="conversion">
        {fmt.share(step.visitors, first.visitors)}<span class="hidden"> of all</span>
      </span>
      <span class="num" data-number="went-on">
        {before && <>{fmt.share(step.visitors, before.visitors)}<span class="hidden"> went on</span></>}
      </span>
      <span class="num" data-number="lost">
        {before && <>{fmt.shortCount(step.dropoff)}<span class="hidden"> lost</span></>}
      </span>
      <span class="num wide-only" data-number="time">
        {step.median_time !== null && <>{fmt.duration(step.median_time)}<span class="hidden"> in the middle</span></>}
      </span>
    </li>
  );
}

function noteOf(f: Funnel): string {
  const within = f.window_sec === 0 ? "on one day" : `within ${fmt.duration(f.window_sec)} on one day`;
  const since = f.counted_since === undefined ? "" : ` Counted since ${fmt.date(f.counted_since.slice(0, 10))}.`;
  const without = f.left_out_days ? ` ${importedText("Without", f.left_out_days)}` : "";
  return `One step after another, ${within}.${since}${without}`;
}
