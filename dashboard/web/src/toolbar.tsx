// Which days: presets, steps back and forth, and a range of one's own.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { type Day, isDay } from "./day";
import * as fmt from "./format";
import { Calendar, Left, Right } from "./icons";
import { go } from "./navigate";
import { Dialog } from "./parts";
import { named, type Period, type Preset, presets, type Span, step } from "./period";
import type { View } from "./url";

interface Props {
  view: View;
  span: Span;
  today: Day;
  children: ComponentChildren;
}

export function Toolbar({ view, span, today, children }: Props) {
  const [choosing, setChoosing] = useState(false);
  const pick = (period: Period): void => go({ ...view, period });
  const chosen = "preset" in view.period ? view.period.preset : "custom";
  const back = step(view.period, -1, today);
  const forth = step(view.period, 1, today);
  const select = (value: string): void => {
    if (value === "custom") setChoosing(true);
    else pick({ preset: value as Preset });
  };
  return (
    <div class="toolbar">
      {children}
      <div class="when">
        <div class="steps">
          <button type="button" class="round" aria-label="Earlier" disabled={!back} onClick={() => back && pick(back)}>
            <Left />
          </button>
          <p class="span-label" aria-live="polite">{fmt.span(span, today)}</p>
          <button type="button" class="round" aria-label="Later" disabled={!forth} onClick={() => forth && pick(forth)}>
            <Right />
          </button>
        </div>
        <div class="segments" role="group" aria-label="Period">
          {presets.map((p) => (
            <button key={p.id} type="button" aria-pressed={chosen === p.id} data-period={p.id} onClick={() => select(p.id)}>
              {p.short}
            </button>
          ))}
          <button type="button" aria-pressed={chosen === "custom"} data-period="custom" onClick={() => setChoosing(true)}>
            <Calendar /> Custom
          </button>
        </div>
        <label class="period-select">
          <span class="hidden">Period</span>
          <select value={chosen} onChange={(e) => select(e.currentTarget.value)}>
            {presets.map((p) => <option key={p.id} value={p.id}>{p.label}</option>)}
            <option value="custom">Custom range…</option>
          </select>
        </label>
        {chosen === "custom" && (
          <button type="button" class="round change-range" aria-label="Change the range" onClick={() => setChoosing(true)}>
            <Calendar />
          </button>
        )}
      </div>
      {choosing && (
        <RangeDialog
          span={span} today={today} onClose={() => setChoosing(false)}
          onPick={(s) => {
            setChoosing(false);
            pick(named(s, today));
          }}
        />
      )}
    </div>
  );
}

interface RangeProps {
  span: Span;
  today: Day;
  onClose: () => void;
  onPick: (span: Span) => void;
}

function RangeDialog({ span, today, onClose, onPick }: RangeProps) {
  const [from, setFrom] = useState(span.from);
  const [to, setTo] = useState(span.to);
  const valid = isDay(from) && isDay(to) && from <= to && to <= today;
  return (
    <Dialog title="Custom range" class="narrow" onClose={onClose}>
      <form
        class="range"
        onSubmit={(e) => {
          e.preventDefault();
          if (valid) onPick({ from, to });
        }}
      >
        <label>
          From
          <input type="date" name="from" value={from} max={today} onInput={(e) => setFrom(e.currentTarget.value)} />
        </label>
        <label>
          To, included
          <input type="date" name="to" value={to} max={today} onInput={(e) => setTo(e.currentTarget.value)} />
        </label>
        <p class="error" role="alert">{valid ? "" : "Choose a first and a last day, not after today."}</p>
        <button type="submit" class="primary" disabled={!valid}>Show these days</button>
      </form>
    </Dialog>
  );
}
