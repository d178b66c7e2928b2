// All values of a dimension in a window of its own, with more numbers, a search, and all of them as a file.

import { useEffect, useRef, useState } from "preact/hooks";
import { APIError, type Answer, ask, type Warning } from "./api";
import { type Cell, csv, download } from "./csv";
import { filterInfo, type FilterKey } from "./filters";
import * as fmt from "./format";
import { useAnswer } from "./hooks";
import { Search } from "./icons";
import { label, learn } from "./labels";
import { type Metric, metrics } from "./metrics";
import { NextPages } from "./next";
import type { Tab } from "./panels";
import { Dialog, Notes, Refusal } from "./parts";
import type { Span } from "./period";
import { columnsOf, lastOther, RowName } from "./row";
import type { View } from "./url";

/** Rows that are asked for at first and with each "more". */
const pageRows = 100;
/** Countries are stored as codes and named in the browser, so their names are searched here, among this many. */
const codedRows = 2000;
/** Rows of a file: the most that the server gives at once. */
const fileRows = 10_000;
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
  columns: [Metric, number][]; // and the place of each in the values of a row
  rows: Answer["rows"];
  warning: Warning | undefined; // of the first metric
  missing?: string | undefined; // see Answer
  partial: boolean;
  unknown: boolean;
  more: boolean;
}

export function Details({ tab, site, view, span, total, onClose }: Props) {
  const [typed, setTyped] = useState("");
  const [text, setText] = useState("");
  const [limit, setLimit] = useState(pageRows);
  const [failed, setFailed] = useState("");
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // With a finger it would open the keyboard over the list.
    if (!matchMedia("(pointer: coarse)").matches) search.current?.focus();
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => setText(typed.trim()), typingMs);
    return () => clearTimeout(timer);
  }, [typed]);

  const coded = tab.key === "country";
  const { dimension, names, plural } = filterInfo(tab.key);
  const key = JSON.stringify([site, span, view.filters, tab.key, coded ? "" : text, limit]);
  const rowsOf = async (most: number, signal?: AbortSignal): Promise<Page> => {
    const question = (m: Metric[]): Promise<Answer> => ask({
      site, metrics: m, range: span, dimensions: names ? [dimension, names] : [dimension],
      filters: view.filters, limit: most + 1,
      ...(text && !coded ? { search: { dimension: names ?? dimension, text } } : {}),
      ...(tab.without ? { without: { dimension, value: tab.without } } : {}),
    }, signal);
    const page = (m: Metric[], a: Answer): Page => {
      const rows = a.rows.slice(0, most);
      return {
        columns: columnsOf(m, rows), rows, warning: a.warnings[m[0]!], more: a.rows.length > most,
        missing: a.missing, partial: a.partial, unknown: a.unknown,
      };
    };
    try {
      return page(tab.details, await question(tab.details));
    } catch (err) {
      if (!(err instanceof APIError) || err.status !== 400) throw err;
      return page(tab.metrics, await question(tab.metrics)); // what the panel shows is always answered
    }
  };
  const { data, error, loading } = useAnswer(key, 0, (signal) => rowsOf(coded ? codedRows : limit, signal));
  const foundOf = (p: Page): Answer["rows"] => {
    if (names) for (const r of p.rows) learn(tab.key, r.dimensions[0]!, r.dimensions[1]);
    return lastOther(p.rows.filter((r) => !coded || matches(label(tab.key, r.dimensions[0] ?? ""), text)));
  };

  const shares = !tab.noShare && !data?.partial; // the total is of other days, if not all are in
  const name = plural[0]!.toUpperCase() + plural.slice(1);
  const found = data && foundOf(data);
  const save = async (): Promise<void> => {
    setFailed("");
    try {
      const all = await rowsOf(fileRows - 1);
      const without = all.partial ? "-without-imported-days" : "";
      const file = `${site}-${plural}-${span.from}-${span.to}${without}.csv`;
      download(file.replace(/[^\w.-]+/g, "-"), csv(tableOf(tab.key, all.columns, foundOf(all))));
    } catch (err) {
      setFailed(`The file was not made. ${(err as Error).message}`);
    }
  };
  return (
    <Dialog title={name} onClose={onClose}>
      <div class="search-line">
        <label class="search">
          <span class="hidden">Search {plural}</span>
          <Search />
          <input
            ref={search} type="search" placeholder={`Search ${plural}`} value={typed}
            onInput={(e) => setTyped(e.currentTarget.value)}
          />
        </label>
        <button type="button" class="quiet download" onClick={save} title={`All ${plural} of this list as a file`}>
          CSV<span class="hidden"> of all {plural}</span>
        </button>
      </div>
      {failed && <p class="error" role="alert">{failed}</p>}
      <div class="dialog-scroll" tabIndex={0} role="region" aria-label={name} aria-busy={loading}>
        {error && <Refusal status={error.status} reason={error.message} />}
        {found && data && (
          <table class={`details ${loading ? "stale" : ""}`}>
            <thead>
              <tr>
                <th scope="col">{filterInfo(tab.key).title}</th>
                {data.columns.map(([m]) => <th key={m} scope="col" class="num" title={metrics[m].help}>{metrics[m].short}</th>)}
                {shares && <th scope="col" class="num">%</th>}
              </tr>
            </thead>
            <tbody>
              {found.map((r) => (
                <tr key={r.dimensions.join(" ")} data-value={r.dimensions[0]}>
                  <td><RowName filter={tab.key} value={r.dimensions[0] ?? ""} view={view} onPick={onClose} /></td>
                  {data.columns.map(([m, i]) => <td key={m} class="num">{fmt.value(metrics[m], r.values[i], r.currency)}</td>)}
                  {shares && <td class="num">{total === undefined || r.values[0] === null ? "" : fmt.share(r.values[0] ?? 0, total)}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {found?.length === 0 && !data?.unknown && <p class="none">Nothing found</p>}
        <Notes warning={data?.warning} answer={data} />
        {tab.key === "page" && <NextPages site={site} view={view} span={span} limit={pageRows} />}
        {data?.more && !coded && (
          <button type="button" class="quiet more" onClick={() => setLimit((n) => n + pageRows)}>Show more</button>
        )}
      </div>
    </Dialog>
  );
}

/** The rows as a table, with the names of codes, and money as a number and its currency. */
function tableOf(key: FilterKey, columns: Page["columns"], rows: Answer["rows"]): Cell[][] {
  const money = rows.some((r) => r.currency !== undefined);
  return [
    [filterInfo(key).title, ...columns.map(([m]) => metrics[m].title), ...(money ? ["Currency"] : [])],
    ...rows.map((r): Cell[] => [
      label(key, r.dimensions[0] ?? ""), ...columns.map(([, i]) => r.values[i] ?? null), ...(money ? [r.currency ?? ""] : []),
    ]),
  ];
}

function matches(name: string, text: string): boolean {
  return name.toLowerCase().includes(text.toLowerCase());
}
