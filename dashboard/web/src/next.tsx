// Where visits went from a page.

import { ask } from "./api";
import type { Filter } from "./filters";
import * as fmt from "./format";
import { useAnswer } from "./hooks";
import { Notes } from "./parts";
import type { Span } from "./period";
import { lastOther, RowName } from "./row";
import type { View } from "./url";

interface Props {
  site: string;
  view: View;
  span: Span;
  limit: number; // most pages
}

/**
 * The pages that visits saw next after the one that is filtered on. Nothing under other filters: the pairs are counted
 * with nothing else.
 */
export function NextPages({ site, view, span, limit }: Props) {
  const from = onlyPage(view.filters);
  const { data, loading } = useAnswer(JSON.stringify([site, span, from, limit]), 0, async (signal) =>
    from === undefined ? undefined : ask({
      site, metrics: ["visitors", "events"], range: span, dimensions: ["event:next_page"], filters: view.filters, limit,
    }, signal));
  if (from === undefined || !data || data.rows.length === 0) return null;
  return (
    <section class={`next-pages ${loading ? "stale" : ""}`} aria-label={`Next pages after ${from}`}>
      <table class="details">
        <caption>Next pages after {from}</caption>
        <thead>
          <tr><th scope="col">Page</th><th scope="col" class="num">Visitors</th><th scope="col" class="num">Times</th></tr>
        </thead>
        <tbody>
          {lastOther(data.rows).map((r) => (
            <tr key={r.dimensions[0]} data-value={r.dimensions[0]}>
              <td><RowName filter="page" value={r.dimensions[0] ?? ""} view={view} /></td>
              {r.values.map((n, i) => <td key={i} class="num">{n === null ? "–" : fmt.count(n)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      <Notes warning={data.warnings.visitors} answer={data} />
    </section>
  );
}

/** The page that is the only thing filtered on. */
export function onlyPage(filters: Filter[]): string | undefined {
  const f = filters[0];
  return filters.length === 1 && f && f.key === "page" && !f.not && f.values.length === 1 ? f.values[0] : undefined;
}
