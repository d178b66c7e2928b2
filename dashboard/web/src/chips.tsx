// The filters that are on.

import { ask } from "./api";
import { type Filter, filterInfo } from "./filters";
import { useAnswer } from "./hooks";
import { Close } from "./icons";
import { isNamed, label, learn } from "./labels";
import { go } from "./navigate";
import type { View } from "./url";

export function Chips({ site, view }: { site: string; view: View }) {
  if (view.filters.length === 0) return null;
  const set = (filters: Filter[]): void => go({ ...view, filters });
  return (
    <ul class="chips" aria-label="Filters">
      {view.filters.map((f) => (
        <Chip
          key={f.key} site={site} filter={f}
          onTurn={() => set(view.filters.map((g) => g === f ? { ...f, not: !f.not } : g))}
          onRemove={() => set(view.filters.filter((g) => g !== f))}
        />
      ))}
      {view.filters.length > 1 && (
        <li><button type="button" class="quiet" onClick={() => set([])}>Clear all</button></li>
      )}
    </ul>
  );
}

interface ChipProps {
  site: string;
  filter: Filter;
  onTurn: () => void;
  onRemove: () => void;
}

function Chip({ site, filter: f, onTurn, onRemove }: ChipProps) {
  const { title, dimension, names } = filterInfo(f.key);
  const unknown = names ? f.values.filter((v) => !isNamed(f.key, v)) : [];
  // The address has codes only; what they are called is asked for once.
  useAnswer(JSON.stringify([site, f.key, unknown]), 0, async (signal) => {
    if (!names || unknown.length === 0) return;
    const filters: Filter[] = [{ key: f.key, not: false, values: unknown }];
    const { rows } = await ask({ site, metrics: ["visitors"], range: "all", dimensions: [dimension, names], filters, limit: 100 }, signal);
    for (const r of rows) learn(f.key, r.dimensions[0]!, r.dimensions[1]);
  });
  return (
    <li class="chip" data-filter={f.key}>
      <span>{title}</span>
      {f.key === "goal"
        ? <span>is</span> // who did not reach a goal is not counted
        : (
          <button type="button" class="operator" title="Turn the filter round" onClick={onTurn}>
            {f.not ? "is not" : "is"}
          </button>
        )}
      <strong>{f.values.map((v) => label(f.key, v)).join(" or ")}</strong>
      <button type="button" class="remove" aria-label={`Remove filter ${title}`} onClick={onRemove}><Close /></button>
    </li>
  );
}
