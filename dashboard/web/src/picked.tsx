// A panel of one thing that is chosen by its name: a funnel, a property.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Refusal } from "./parts";

interface Props {
  panel: string; // its id
  title: string; // where there are several
  one: string; // what is chosen
  names: string[];
  name: string; // the chosen one
  onPick: (name: string) => void;
  refusal: string | undefined; // why nothing is shown under the filters
  children: ComponentChildren;
}

export function PickedPanel({ panel, title, one, names, name, onPick, refusal, children }: Props) {
  const id = useId();
  return (
    <section class={`card panel ${panel} ${refusal ? "off" : ""}`} aria-labelledby={`${id}-title`} data-panel={panel}>
      <header class="panel-head">
        <h2 id={`${id}-title`}>{names.length === 1 ? `${one}: ${name}` : title}</h2>
        {names.length > 1 && (
          <label>
            <span class="hidden">{one}</span>
            <select value={name} onChange={(e) => onPick(e.currentTarget.value)}>
              {names.map((n) => <option key={n} value={n}>{n}</option>)}
            </select>
          </label>
        )}
      </header>
      <div class="panel-body">{refusal ? <Refusal status={400} reason={refusal} /> : children}</div>
    </section>
  );
}
