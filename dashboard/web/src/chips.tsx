// The filters that are on.

import { ask, type Site } from "./api";
import { canTurn, type Filter, filterInfo, sorted } from "./filters";
import { useAnswer } from "./hooks";
import { Close } from "./icons";
import { isNamed, label, learn } from "./labels";
import { go } from "./navigate";
import type { View } from "./url";

export function Chips({ site, view }: { site: Site; view: View }) {
  const segments = view.filters.some((f) => f.key === "segment") ? [] : site.segments ?? [];
  if (view.filters.length === 0 && segments.length === 0) return null;
  const set = (filters: Filter[]): void => go({ ...view, filters });
  return (
    <ul class="chips" aria-label="Filters">
      {view.filters.map((f) => (
        <Chip
          key={f.key} site={site.site} filter={f}
          onTurn={() => set(view.filters.map((g) => g === f ? { ...f, not: !f.not } : g))}
          onRemove={() => set(view.filters.filter((g) => g !== f))}
        />
      ))}
      {segments.length > 0 && (
        <li>
          <select
            class="segment-select" aria-label="Segment" value=""
            onChange={(e) => set(sorted([...view.filters, { key: "segment", not: false, values: [e.currentTarget.value] }]))}
          >
            <option value="" disabled>Segment…</option>
            {segments.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </li>
      )}
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
      {!canTurn(f.key)
        ? <span>is</span>
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
