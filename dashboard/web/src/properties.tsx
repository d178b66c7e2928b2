// What came with the events of a site: the values of one property, of all events or of that which is filtered on.

import { useState } from "preact/hooks";
import { ask, properties } from "./api";
import type { FilterKey } from "./filters";
import * as fmt from "./format";
import { useAnswer } from "./hooks";
import { label, other } from "./labels";
import { type Metric, metrics } from "./metrics";
import { NoRows, Notes, Refusal } from "./parts";
import type { Span } from "./period";
import { PickedPanel } from "./picked";
import { lastOther, OtherName } from "./row";
import type { View } from "./url";

const uncounted = "Properties are counted with events and goals only, so that no row can be traced to a person. " +
  "Remove the other filters to see them.";

/** What properties are counted by. */
const keys: FilterKey[] = ["event", "goal"];

/** The numbers of a value, and what they are of. */
const shown: [Metric, string][] = [["visitors", "visitors"], ["events", "times"]];

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
    site, metrics: shown.map(([m]) => m), range: span, dimensions: [`event:props:${name}`], filters: view.filters, limit: limit + 1,
  }, signal));
  if (error && !data) return <Refusal status={error.status} reason={error.message} />;
  if (!data) return <div class="bones" aria-hidden="true"><span class="bone" /><span class="bone" /></div>;
  if (data.rows.length === 0) return <NoRows what={name} answer={data} />;
  const most = Math.max(...data.rows.map((r) => r.values[0] ?? 0));
  return (
    <div class={loading ? "stale" : ""} aria-busy={loading}>
      <div class="row-heads" aria-hidden="true">
        <span>Value</span>
        {shown.map(([m]) => <span key={m} class="num">{metrics[m].short}</span>)}
      </div>
      <ol class="rows">
        {lastOther(data.rows.slice(0, limit)).map(({ dimensions: [value = ""], values }) => (
          <li key={value} class="row" data-value={value}>
            <span class="bar-space"><span class="bar-fill" style={{ width: `${most > 0 ? ((values[0] ?? 0) / most) * 100 : 0}%` }} /></span>
            {value === other
              ? <OtherName />
              : <span class="name"><span class="name-text" title={value}>{label("event", value)}</span></span>}
            {shown.map(([m, unit], i) => (
              <span key={m} class="num" data-number={m} title={fmt.value(metrics[m], values[i])}>
                {fmt.shortValue(metrics[m], values[i])}<span class="hidden"> {unit}</span>
              </span>
            ))}
          </li>
        ))}
      </ol>
      <Notes warning={data.warnings.visitors} answer={data} />
      {data.rows.length > limit && (
        <button type="button" class="quiet more" onClick={() => setLimit((n) => n + moreValues)}>Show more</button>
      )}
    </div>
  );
}
