// What came with the events of a site: the values of one property, of all events or of that which is filtered on.

import { useState } from "preact/hooks";
import { ask, properties } from "./api";
import type { FilterKey } from "./filters";
import * as fmt from "./format";
import { useAnswer } from "./hooks";
import { label, other } from "./labels";
import { metrics, warningHelp } from "./metrics";
import { Refusal } from "./parts";
import type { Span } from "./period";
import { PickedPanel } from "./picked";
import { lastOther, OtherName } from "./row";
import type { View } from "./url";

const uncounted = "Properties are counted with events and goals only, so that no row can be traced to a person. " +
  "Remove the other filters to see them.";

/** What properties are counted by. */
const keys: FilterKey[] = ["event", "goal"];

/** Values that are shown at first, and with each "more". */
const valuesShown = 9;
const moreValues = 100;

interface Props {
  site: string;
  view: View;
  span: Span;
  tick: number;
}

/** The panel of properties; nothing where no event has any. */
export function Properties({ site, view, span, tick }: Props) {
  const [picked, setPicked] = useState("");
  const names = useAnswer(site, 0, (signal) => properties(site, signal)).data ?? [];
  const name = names.includes(picked) ? picked : names[0];
  if (name === undefined) return null;
  const counted = view.filters.every((f) => keys.includes(f.key));
  return (
    <PickedPanel
      panel="properties" title="Properties" one="Property" names={names} name={name} onPick={setPicked}
      refusal={counted ? undefined : uncounted}
    >
      <Values key={name} name={name} site={site} view={view} span={span} tick={tick} />
    </PickedPanel>
  );
}

function Values({ name, site, view, span, tick }: Props & { name: string }) {
  const [limit, setLimit] = useState(valuesShown);
  const { data, error, loading } = useAnswer(JSON.stringify([site, span, view.filters, limit]), tick, (signal) => ask({
    site, metrics: ["visitors", "events"], range: span, dimensions: [`event:props:${name}`], filters: view.filters, limit: limit + 1,
  }, signal));
  if (error && !data) return <Refusal status={error.status} reason={error.message} />;
  if (!data) return <div class="bones" aria-hidden="true"><span class="bone" /><span class="bone" /></div>;
  if (data.rows.length === 0) return <p class="none">No {name} in these days</p>;
  const most = Math.max(...data.rows.map((r) => r.values[0] ?? 0));
  const warning = data.warnings.visitors;
  return (
    <div class={loading ? "stale" : ""} aria-busy={loading}>
      <div class="row-heads" aria-hidden="true">
        <span>Value</span>
        <span class="num">{metrics.visitors.short}</span>
        <span class="num">{metrics.events.short}</span>
      </div>
      <ol class="rows">
        {lastOther(data.rows.slice(0, limit)).map(({ dimensions: [value = ""], values: [visitors, events] }) => (
          <li key={value} class="row" data-value={value}>
            <span class="bar-space"><span class="bar-fill" style={{ width: `${((visitors ?? 0) / most) * 100}%` }} /></span>
            {value === other
              ? <OtherName />
              : <span class="name"><span class="name-text" title={value}>{label("event", value)}</span></span>}
            <span class="num" data-number="visitors" title={fmt.count(visitors ?? 0)}>
              {fmt.shortCount(visitors ?? 0)}<span class="hidden"> visitors</span>
            </span>
            <span class="num" data-number="events" title={fmt.count(events ?? 0)}>
              {fmt.shortCount(events ?? 0)}<span class="hidden"> times</span>
            </span>
          </li>
        ))}
      </ol>
      {warning && <p class="note">{warningHelp[warning]}</p>}
      {data.rows.length > limit && (
        <button type="button" class="quiet more" onClick={() => setLimit((n) => n + moreValues)}>Show more</button>
      )}
    </div>
  );
}
