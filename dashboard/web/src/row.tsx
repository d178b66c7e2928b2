// The rows of panels and details: their order, their columns, and their names.

import type { Answer } from "./api";
import { type FilterKey, isOn, toggle } from "./filters";
import { Info } from "./icons";
import { countryCode, label, other } from "./labels";
import { type Metric, metrics } from "./metrics";
import { go } from "./navigate";
import type { View } from "./url";

const otherHelp = "Fewer than 3 visitors each (or the number that this site asks for): hidden for privacy and counted " +
  "together. New values past the day's limit are counted here too.";

/** The rows with (other) at the end: it is not the most frequent value, however large it is. */
export function lastOther(rows: Answer["rows"]): Answer["rows"] {
  return [...rows.filter((r) => r.dimensions[0] !== other), ...rows.filter((r) => r.dimensions[0] === other)];
}

/** The metrics that have a column, by their place in the answer: that of money only where some row has an amount. */
export function columnsOf(asked: Metric[], rows: Answer["rows"]): [Metric, number][] {
  const all = asked.map((m, i): [Metric, number] => [m, i]);
  return all.filter(([m, i]) => metrics[m].kind !== "money" || rows.some((r) => r.values[i] != null));
}

/** The name of the row that is no value of its own, with what it is. */
export function OtherName() {
  return (
    <span class="name other">
      <span class="name-text">Other</span>
      <button type="button" class="why" aria-label={`Other: ${otherHelp}`}><Info /></button>
      <span class="tip" role="tooltip">{otherHelp}</span>
    </span>
  );
}

/** What a row is: a button that filters, or for (other) an explanation. */
export function RowName({ filter, value, view, onPick }: {
  filter: FilterKey;
  value: string;
  view: View;
  onPick?: () => void;
}) {
  const text = label(filter, value);
  if (value === other) return <OtherName />;
  const code = countryCode(filter, value);
  return (
    <span class="name">
      {code && <span class="code" aria-hidden="true">{code}</span>}
      <button
        type="button" class="pick name-text" aria-pressed={isOn(view.filters, filter, value)} title={text}
        onClick={() => {
          go({ ...view, filters: toggle(view.filters, filter, value) });
          onPick?.();
        }}
      >
        {text}
      </button>
    </span>
  );
}
