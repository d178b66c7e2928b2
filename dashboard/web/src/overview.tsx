// The top numbers and the chart below them.

import { APIError, ask, type Answer, type Site, type Warning } from "./api";
import { type Bucket, fill, touches } from "./buckets";
import { type Combination, hasHours } from "./combine";
import { Chart } from "./chart";
import { today as todayIn } from "./day";
import type { Filter } from "./filters";
import * as fmt from "./format";
import { type Loaded, useAnswer } from "./hooks";
import { emptyValue, type Metric, metrics, topMetrics, warningHelp, wishes } from "./metrics";
import { go } from "./navigate";
import { Notes, Refusal } from "./parts";
import { type Interval, intervalOf, intervalsOf, type Span } from "./period";
import { defaultMetric, type View } from "./url";

export interface Numbers {
  values: Partial<Record<Metric, number | null>>;
  currency: string | undefined; // of the revenue
  warnings: Answer["warnings"];
  missing?: string | undefined; // see Answer
  partial: boolean;
}

/** Asks with the best set of metrics that the server does not refuse. */
async function askWithFallback(
  filters: Filter[], question: (m: Metric[]) => Promise<Answer>,
): Promise<{ metrics: Metric[]; answer: Answer }> {
  const [best, ...others] = wishes(filters);
  for (let set = best!; ; set = others.shift()!) {
    try {
      return { metrics: set, answer: await question(set) };
    } catch (err) {
      if (!(err instanceof APIError) || err.status !== 400 || others.length === 0) throw err;
    }
  }
}

/** The top numbers of a span. */
export async function topNumbers(site: string, span: Span, filters: Filter[], signal: AbortSignal): Promise<Numbers> {
  const { metrics: got, answer } = await askWithFallback(
    filters, (m) => ask({ site, metrics: m, range: span, filters }, signal));
  const { rows: [row], warnings, missing, partial } = answer;
  const values = Object.fromEntries(got.map((m, i) => [m, row ? row.values[i] ?? null : emptyValue(m)]));
  return { values, currency: row?.currency, warnings, missing, partial };
}

interface Series {
  interval: Interval; // of the buckets; that of the view may be another one until its answer is there
  metrics: Metric[];
  buckets: Bucket[];
  gaps: Answer["gaps"];
  missing?: string | undefined; // see Answer
}

async function series(
  site: Site, span: Span, interval: Interval, filters: Filter[], signal: AbortSignal,
): Promise<Series> {
  const { metrics: got, answer } = await askWithFallback(
    filters,
    (m) => ask({ site: site.site, metrics: m.map(inSeries), range: span, filters, dimensions: [`time:${interval}`] }, signal));
  const rows = answer.rows.map((r) => ({ label: r.dimensions[0]!, values: r.values }));
  const buckets = fill(rows, span, interval, site.timezone, got.map(emptyValue), new Date());
  return { interval, metrics: got, buckets, gaps: answer.gaps, missing: answer.missing };
}

/** A metric's name in a question for buckets. */
function inSeries(m: Metric): Metric | "group_conversion_rate" {
  return m === "conversion_rate" ? "group_conversion_rate" : m;
}

interface Props {
  site: Site;
  view: View;
  span: Span;
  before: Span;
  live: boolean; // the span contains today
  tick: number;
  top: Loaded<Numbers>;
  combinations: Combination[];
}

/** Why there is no chart of one day under filters. */
const noHours = "Under these filters days are counted, and no hours. Choose more days, or remove a filter.";

export function Overview({ site, view, span, before, live, tick, top, combinations }: Props) {
  const { filters } = view;
  const today = todayIn(site.timezone);
  const choices = intervalsOf(span).filter((i) => i !== "hour" || hasHours(combinations, filters));
  const interval = choices.find((i) => i === view.by) ?? intervalOf(span);
  const hours = interval !== "hour" || hasHours(combinations, filters);
  const key = JSON.stringify([site.site, span, filters]);
  const steps = `${key} by ${interval}`;
  const previous = useAnswer(`${key} before`, 0, (signal) => topNumbers(site.site, before, filters, signal));
  const askSeries = (s: Span, signal: AbortSignal): Promise<Series> => {
    if (!hours) return Promise.reject(new APIError(400, noHours));
    return series(site, s, interval, filters, signal);
  };
  const now = useAnswer(steps, tick, (signal) => askSeries(span, signal));
  const then = useAnswer(`${steps} before`, 0, (signal) => askSeries(before, signal));

  const currency = top.data?.currency;
  // Of goals without amounts there is no revenue, and nothing is shown that is not known yet to be there. What imports do not tell
  // is there.
  const wished = topMetrics(filters).filter((m) =>
    metrics[m].kind !== "money" || currency !== undefined || top.data?.warnings[m] === "not_imported");
  const metric = wished.includes(view.metric) ? view.metric : defaultMetric;
  const unfinished = live && span.from === span.to;
  const comparable = !previous.loading && !previous.data?.partial && !top.data?.partial;
  // What is not known of the numbers is mostly not known of their steps either, and is said once.
  const missingSteps = top.data && top.data.missing !== now.data?.missing ? now.data?.missing : undefined;
  const missingBefore = previous.data?.missing ?? (missingSteps ? undefined : then.data?.missing);
  const shown = now.data?.interval ?? interval;
  return (
    <section class="card overview" aria-label="Overview">
      {top.error && !top.data
        ? <Refusal status={top.error.status} reason={top.error.message} />
        : (
          <ul class={`numbers ${top.loading ? "stale" : ""}`} aria-busy={top.loading}>
            {wished.map((m) => (
              <TopNumber
                key={m} metric={m} value={top.data?.values[m]} warning={top.data?.warnings[m]} currency={currency}
                before={comparable ? previous.data?.values[m] : undefined}
                beforeSpan={before} unfinished={unfinished} waiting={top.data === undefined} on={m === metric}
                onClick={() => go({ ...view, metric: m })}
              />
            ))}
          </ul>
        )}
      <div class="legend">
        <span class="key now" aria-hidden="true">{metrics[metric].title}</span>
        <span class="key before" aria-hidden="true">{fmt.span(before, today)}</span>
        {choices.length > 1 && (
          <select
            class="kind by" aria-label="Step of the chart" value={interval}
            onChange={(e) => {
              const by = e.currentTarget.value as Interval;
              const { by: _, ...rest } = view;
              go(by === intervalOf(span) ? rest : { ...rest, by });
            }}
          >
            {choices.map((i) => <option key={i} value={i}>by {i}</option>)}
          </select>
        )}
      </div>
      {now.error && !now.data
        ? <div class="chart-space"><Refusal status={now.error.status} reason={now.error.message} /></div>
        : <Chart
            metric={metric} currency={currency} interval={shown} loading={now.loading} now={column(now.data, metric)}
            before={then.loading || then.data?.interval !== shown ? [] : column(then.data, metric)}
          />}
      <Notes warning={undefined} answer={top.data} />
      {missingSteps && <p class="note missing">By {shown}: {missingSteps}</p>}
      {missingBefore && <p class="note missing">Before, {fmt.span(before, today)}: {missingBefore}</p>}
    </section>
  );
}

/** One metric of a series. */
function column(s: Series | undefined, metric: Metric): Bucket[] {
  const i = s?.metrics.indexOf(metric) ?? -1;
  const gaps = s?.gaps[metric] ?? [];
  return (s?.buckets ?? []).map((b) => ({ ...b, values: [b.values[i] ?? null], unknown: touches(b, s!.interval, gaps) }));
}

interface NumberProps {
  metric: Metric;
  value: number | null | undefined;
  warning: Warning | undefined;
  currency: string | undefined;
  before: number | null | undefined;
  beforeSpan: Span;
  unfinished: boolean; // the day is not over: counts cannot be judged yet
  waiting: boolean;
  on: boolean;
  onClick: () => void;
}

function TopNumber({ metric, value, warning, currency, before, beforeSpan, unfinished, waiting, on, onClick }: NumberProps) {
  const info = metrics[metric];
  const exact = fmt.value(info, value, currency);
  const shown = fmt.topValue(info, value, currency);
  return (
    <li>
      <button type="button" class="number" aria-pressed={on} data-metric={metric} data-value={value ?? undefined} onClick={onClick}>
        <span class="number-title" title={info.help}>{info.title}</span>
        <span class="number-value" title={warning ? warningHelp[warning] : shown === exact ? undefined : exact}>
          {warning === "joined_tuples" && <><span class="most" aria-hidden="true">≤</span><span class="hidden">at most</span> </>}
          {waiting ? <span class="bone" /> : shown}
        </span>
        <Change
          metric={metric} value={value} currency={currency} before={before} beforeSpan={beforeSpan} unfinished={unfinished}
        />
      </button>
    </li>
  );
}

function Change({ metric, value, currency, before, beforeSpan, unfinished }: Omit<NumberProps, "warning" | "waiting" | "on" | "onClick">) {
  const info = metrics[metric];
  const amount = fmt.difference(info, value, before);
  if (amount === undefined) return <span class="change">{"\u00a0"}</span>;
  const open = unfinished && (info.kind === "count" || info.kind === "money");
  const good = info.lessIsBetter ? amount < 0 : amount > 0;
  const tone = amount === 0 || open ? "even" : good ? "good" : "bad";
  const was = `${fmt.value(info, before, currency)} in ${fmt.span(beforeSpan)}`;
  const title = open ? `The day is not over: ${was}, the whole day` : `Before: ${was}`;
  const unit = info.kind === "percent" ? (Math.abs(amount) === 1 ? " point" : " points") : "%";
  const size = `${Math.abs(amount)}${unit}`;
  return (
    <span class={`change ${tone}`} title={title} data-change={amount}>
      <span aria-hidden="true">{amount === 0 ? "=" : amount > 0 ? "↑" : "↓"}</span>
      <span class="hidden">{amount === 0 ? "no change," : amount > 0 ? "up" : "down"}</span> {size}{" "}
      <span class="was">{open ? "so far, of " : "from "}{fmt.shortValue(info, before, currency)}</span>
    </span>
  );
}
