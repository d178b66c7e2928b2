// A panel: a title, tabs, and the most frequent values as bars.

import { useId, useState } from "preact/hooks";
import { ask } from "./api";
import { clash, type Combination, isCounted } from "./combine";
import { Details } from "./details";
import { filterInfo, type FilterKey } from "./filters";
import * as fmt from "./format";
import { useAnswer } from "./hooks";
import { More } from "./icons";
import { learn } from "./labels";
import { metrics } from "./metrics";
import { NextPages } from "./next";
import { kindsOf, type PanelInfo, type Tab } from "./panels";
import { Linked, NoRows, Notes, Refusal } from "./parts";
import type { Span } from "./period";
import { columnsOf, lastOther, RowName } from "./row";
import type { View } from "./url";

const rowsShown = 9;
/** Pages that came next, where one page is filtered on. */
const nextShown = 5;

interface Props {
  panel: PanelInfo;
  site: string;
  view: View;
  span: Span;
  tick: number;
  total: number | undefined; // visitors of the span, for percentages
  combinations: Combination[];
  note?: string | undefined; // stands below the rows
}

export function Panel({ panel, site, view, span, tick, total, combinations, note }: Props) {
  const [index, setIndex] = useState(0);
  const [open, setOpen] = useState(false);
  const id = useId();
  const [picked, setPicked] = useState<Record<number, FilterKey>>({}); // by the place of the tab
  const kinds = kindsOf(panel.tabs[index]!, view.filters);
  const kind = kinds.find((k) => k === picked[index]) ?? kinds[0]!;
  const tab: Tab = { ...panel.tabs[index]!, key: kind };
  const tabs = panel.tabs.length > 1;
  const counted = panel.tabs.map((t, i) => isCounted(combinations, i === index ? kind : t.key, view.filters));
  const off = counted[index] ? "" : "off";
  return (
    <section class={`card panel ${panel.wide ? "wide" : ""} ${off}`} aria-labelledby={`${id}-title`} data-panel={panel.id}>
      <header class="panel-head">
        <h2 id={`${id}-title`}>{panel.title}</h2>
        {tabs && <Tabs id={id} tabs={panel.tabs} counted={counted} index={index} onPick={setIndex} label={panel.title} />}
      </header>
      <div
        id={`${id}-body`} class="panel-body"
        {...(tabs ? { role: "tabpanel", "aria-labelledby": `${id}-tab-${index}` } : {})}
      >
        {kinds.length > 1 && (
          <select
            class="kind" aria-label={`What ${panel.tabs[index]!.label.toLowerCase()} are shown by`} value={kind}
            onChange={(e) => setPicked({ ...picked, [index]: e.currentTarget.value as FilterKey })}
          >
            {kinds.map((k) => <option key={k} value={k}>{filterInfo(k).title}</option>)}
          </select>
        )}
        {counted[index]
          ? <Values key={tab.key} tab={tab} site={site} view={view} span={span} tick={tick} total={total} />
          : <Refusal status={400} reason={clash(tab.key, view.filters)} />}
        {tab.key === "page" && <NextPages site={site} view={view} span={span} limit={nextShown} />}
      </div>
      <footer class="panel-foot">
        {note && <p class="note"><Linked text={note} /></p>}
        <button type="button" class="quiet details-button" disabled={!counted[index]} onClick={() => setOpen(true)}>
          <More /> Details<span class="hidden"> of {filterInfo(tab.key).plural}</span>
        </button>
      </footer>
      {open && <Details tab={tab} site={site} view={view} span={span} total={total} onClose={() => setOpen(false)} />}
    </section>
  );
}

interface TabsProps {
  id: string;
  tabs: Tab[];
  counted: boolean[]; // by tab: under the filters
  index: number;
  onPick: (index: number) => void;
  label: string;
}

function Tabs({ id, tabs, counted, index, onPick, label: name }: TabsProps) {
  const onKeyDown = (e: KeyboardEvent): void => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (move === undefined) return;
    e.preventDefault();
    const next = (index + move + tabs.length) % tabs.length;
    onPick(next);
    document.getElementById(`${id}-tab-${next}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={name} onKeyDown={onKeyDown}>
      {tabs.map((t, i) => (
        <button
          key={t.key} id={`${id}-tab-${i}`} type="button" role="tab" aria-selected={i === index}
          class={counted[i] ? "" : "off"} title={counted[i] ? undefined : "Not counted under these filters"}
          aria-controls={`${id}-body`} tabIndex={i === index ? 0 : -1} data-tab={t.key} onClick={() => onPick(i)}
        >
          {t.label}{!counted[i] && <span class="hidden"> (not counted under these filters)</span>}
        </button>
      ))}
    </div>
  );
}

type ValuesProps = Omit<Props, "panel" | "note" | "combinations"> & { tab: Tab };

/** The values of one tab. Each tab has its own, so that it never shows those of another one under its name. */
function Values({ tab, site, view, span, tick, total }: ValuesProps) {
  const { dimension, names, title, plural } = filterInfo(tab.key);
  const answer = useAnswer(JSON.stringify([site, span, view.filters]), tick, (signal) => ask({
    site, metrics: tab.metrics, range: span, dimensions: names ? [dimension, names] : [dimension],
    filters: view.filters, limit: rowsShown,
    ...(tab.without ? { without: { dimension, value: tab.without } } : {}),
  }, signal));
  if (answer.error && !answer.data) return <Refusal status={answer.error.status} reason={answer.error.message} />;
  if (!answer.data) return <Bones />;
  if (answer.data.rows.length === 0) return <NoRows what={plural} answer={answer.data} />;
  const shares = !tab.noShare && !answer.data.partial; // the total is of other days, if not all are in
  const shown = lastOther(answer.data.rows);
  if (names) for (const r of shown) learn(tab.key, r.dimensions[0]!, r.dimensions[1]);
  const columns = columnsOf(tab.metrics, shown);
  const { warnings } = answer.data;
  const warning = warnings[tab.metrics[0]!] ??
    columns.map(([m]) => (metrics[m].kind === "money" ? warnings[m] : undefined)).find((w) => w);
  const most = Math.max(...shown.map((r) => r.values[0] ?? 0));
  return (
    <div class={answer.loading ? "stale" : ""} aria-busy={answer.loading}>
      <div class="row-heads" aria-hidden="true">
        <span>{title}</span>
        {columns.map(([m]) => <span key={m} class={`num ${metrics[m].kind}`}>{metrics[m].short}</span>)}
        {shares && <span class="num pct">%</span>}
      </div>
      <ol class="rows">
        {shown.map((r) => {
          const value = r.dimensions[0] ?? "";
          const part = r.values[0] ?? 0;
          return (
            <li key={r.dimensions.join(" ")} class="row" data-value={value}>
              <span class="bar-space"><span class="bar-fill" style={{ width: `${most > 0 ? (part / most) * 100 : 0}%` }} /></span>
              <RowName filter={tab.key} value={value} view={view} />
              {columns.map(([m, i]) => (
                <span key={m} class={`num ${metrics[m].kind}`} data-number={m} title={fmt.value(metrics[m], r.values[i], r.currency)}>
                  {fmt.shortValue(metrics[m], r.values[i], r.currency)}<span class="hidden"> {metrics[m].short.toLowerCase()}</span>
                </span>
              ))}
              {shares && <span class="num pct">{total === undefined || r.values[0] === null ? "" : fmt.share(part, total)}</span>}
            </li>
          );
        })}
      </ol>
      <Notes warning={warning} answer={answer.data} />
    </div>
  );
}

function Bones() {
  return (
    <div class="bones" aria-hidden="true">
      {[92, 78, 66, 51, 42, 34, 25].map((width) => <span key={width} class="bone" style={{ width: `${width}%` }} />)}
    </div>
  );
}
