// The filters that are on.

import { type Filter, filterInfo } from "./filters";
import { Close } from "./icons";
import { label } from "./labels";
import { go } from "./navigate";
import type { View } from "./url";

export function Chips({ view }: { view: View }) {
  if (view.filters.length === 0) return null;
  const set = (filters: Filter[]): void => go({ ...view, filters });
  return (
    <ul class="chips" aria-label="Filters">
      {view.filters.map((f) => {
        const { title } = filterInfo(f.key);
        const values = f.values.map((v) => label(f.key, v)).join(" or ");
        return (
          <li key={f.key} class="chip" data-filter={f.key}>
            <span>{title}</span>
            <button
              type="button" class="operator" title="Turn the filter round"
              onClick={() => set(view.filters.map((g) => g === f ? { ...f, not: !f.not } : g))}
            >
              {f.not ? "is not" : "is"}
            </button>
            <strong>{values}</strong>
            <button
              type="button" class="remove" aria-label={`Remove filter ${title}`}
              onClick={() => set(view.filters.filter((g) => g !== f))}
            >
              <Close />
            </button>
          </li>
        );
      })}
      {view.filters.length > 1 && (
        <li><button type="button" class="quiet" onClick={() => set([])}>Clear all</button></li>
      )}
    </ul>
  );
}
