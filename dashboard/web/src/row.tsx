// The name of a row, in panels and details.

import { type FilterKey, isOn, toggle } from "./filters";
import { Info } from "./icons";
import { countryCode, label, other } from "./labels";
import { go } from "./navigate";
import type { View } from "./url";

const otherHelp = "Fewer than 3 visitors each (or the number that this site asks for): hidden for privacy and counted " +
  "together. New values past the day's limit are counted here too.";

/** What a row is: a button that filters, or for (other) an explanation. */
export function RowName({ filter, value, view, onPick }: {
  filter: FilterKey;
  value: string;
  view: View;
  onPick?: () => void;
}) {
  const text = label(filter, value);
  if (value === other) {
    return (
      <span class="name other">
        <span class="name-text">{text}</span>
        <button type="button" class="why" aria-label={`Other: ${otherHelp}`}><Info /></button>
        <span class="tip" role="tooltip">{otherHelp}</span>
      </span>
    );
  }
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
