// All values of a dimension in a window of its own, with more numbers and a search.

import { useEffect, useState } from "preact/hooks";
import { APIError, type Answer, ask, type Warning } from "./api";
import { filterInfo } from "./filters";
import * as fmt from "./format";
import { useAnswer } from "./hooks";
import { Search } from "./icons";
import { label, learn } from "./labels";
import { type Metric, metrics } from "./metrics";
import { NextPages } from "./next";
import type { Tab } from "./panels";
import { Dialog, Notes, Refusal } from "./parts";
import type { Span } from "./period";
import { RowName } from "./row";
import type { View } from "./url";

/** Rows that are asked for at first and with each "more". */
const pageRows = 100;
/** Countries are stored as codes and named in the browser, so their names are searched here, among this many. */
const codedRows = 2000;
/** Quiet time after a keystroke before the search is sent, in milliseconds. */
const typingMs = 250;

interface Props {
  tab: Tab;
  site: string;
  view: View;
  span: Span;
  total: number | undefined;
  onClose: () => void;
}

interface Page {
  metrics: Metric[];
  rows: Answer["rows"];
  warning: Warning | undefined; // of the first metric
  missing?: string | undefined; // see Answer
  partial: boolean;
  more: boolean;
}

export function Details({ tab, site, view, span, total, onClose }: Props) {
  const [typed, setTyped] = useState("");
  const [text, setText] = useState("");
  const [limit, setLimit] = useState(pageRows);
  useEffect(() => {
    const timer = setTimeout(() => setText(typed.trim()), typingMs);
    return () => clearTimeout(timer);
  }, [typed]);

  const coded = tab.key === "country";
  const { dimension, names, plural } = filterInfo(tab.key);
  const key = JSON.stringify([site, span, view.filters, tab.key, coded ? "" : text, limit]);
  const { data, error, loading } = useAnswer(key, 0, async (signal): Promise<Page> => {
    const most = coded ? codedRows : limit;
    const question = (m: Metric[]): Promise<Answer> => ask({
      site, metrics: m, range: span, dimensions: names ? [dimension, names] : [dimension],
      filters: view.filters, limit: most + 1,
      ...(text && !coded ? { search: { dimension: names ?? dimension, text } } : {}),
      ...(tab.without ? { without: { dimension, value: tab.without } } : {}),
    }, signal);
    const page = (m: Metric[], a: Answer): Page => ({
      metrics: m, rows: a.rows.slice(0, most), warning: a.warnings[m[0]!], more: a.rows.length > most,
      missing: a.missing, partial: a.partial,
    });
    try {
      return page(tab.details, await question(tab.details));
    } catch (err) {
      if (!(err instanceof APIError) || err.status !== 400) throw err;
      return page(tab.metrics, await question(tab.metrics)); // what the panel shows is always answered
    }
  });

  const all = data?.partial ? undefined : total; // of other days, if not all are in
  const name = plural[0]!.toUpperCase() + plural.slice(1);
  if (names) for (const r of data?.rows ?? []) learn(tab.key, r.dimensions[0]!, r.dimensions[1]);
  const found = data?.rows.filter((r) => !coded || matches(label(tab.key, r.dimensions[0] ?? ""), text));
  return (
    <Dialog title={name} onClose={onClose}>
      <label class="search">
        <span class="hidden">Search {plural}</span>
        <Search />
        <input type="search" placeholder={`Search ${plural}`} value={typed} onInput={(e) => setTyped(e.currentTarget.value)} />
      </label>
      <div class="dialog-scroll" tabIndex={0} role="region" aria-label={name} aria-busy={loading}>
        {error && <Refusal status={error.status} reason={error.message} />}
        {found && data && (
          <table class={`details ${loading ? "stale" : ""}`}>
            <thead>
              <tr>
                <th scope="col">{filterInfo(tab.key).title}</th>
                {data.metrics.map((m) => <th key={m} scope="col" class="num" title={metrics[m].help}>{metrics[m].short}</th>)}
                {!tab.noShare && <th scope="col" class="num">%</th>}
              </tr>
            </thead>
            <tbody>
              {found.map((r) => (
                <tr key={r.dimensions.join(" ")} data-value={r.dimensions[0]}>
                  <td><RowName filter={tab.key} value={r.dimensions[0] ?? ""} view={view} onPick={onClose} /></td>
                  {data.metrics.map((m, i) => <td key={m} class="num">{fmt.value(metrics[m], r.values[i])}</td>)}
                  {!tab.noShare && <td class="num">{all === undefined || r.values[0] === null ? "" : fmt.share(r.values[0] ?? 0, all)}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {found?.length === 0 && !data?.missing && <p class="none">Nothing found</p>}
        <Notes warning={data?.warning} answer={data} />
        {tab.key === "page" && <NextPages site={site} view={view} span={span} limit={pageRows} />}
        {data?.more && !coded && (
          <button type="button" class="quiet more" onClick={() => setLimit((n) => n + pageRows)}>Show more</button>
        )}
      </div>
    </Dialog>
  );
}

function matches(name: string, text: string): boolean {
  return name.toLowerCase().includes(text.toLowerCase());
}
