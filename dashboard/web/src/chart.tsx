// The chart: one metric over time, with the period before as a faint line.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { alone, type Bucket } from "./buckets";
import * as fmt from "./format";
import { type Metric, type MetricInfo, metrics } from "./metrics";
import type { Interval } from "./period";
import { onThemeChange } from "./theme";

const heightPx = 280;
const heightSmallPx = 210;
const smallWidthPx = 560;
/** Steps that the vertical axis may take, by the kind of number. */
const steps: Record<MetricInfo["kind"], number[] | undefined> = {
  count: [1, 2, 5].flatMap((n) => Array.from({ length: 12 }, (_, e) => n * 10 ** e)).sort((a, b) => a - b),
  ratio: undefined, milliseconds: undefined, money: undefined,
  percent: [5, 10, 20, 25, 50],
  seconds: [5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200],
};
/** Steps of the horizontal axis, in buckets; of the hours of several days, halves and wholes of a day. */
const hoursOfDays = [6, 12, 24, 48];
const dayStep = Array.from({ length: 100 }, (_, i) => i + 1);

interface Props {
  metric: Metric;
  currency: string | undefined; // of money
  interval: Interval;
  now: Bucket[]; // one value each
  before: Bucket[];
  loading: boolean;
}

export function Chart({ metric, currency, interval, now, before, loading }: Props) {
  const space = useRef<HTMLDivElement>(null);
  const [hover, setHover] = useState<{ index: number; left: number } | undefined>(undefined);
  const [theme, setTheme] = useState(0);
  useEffect(() => onThemeChange(() => setTheme((n) => n + 1)), []);

  const data = useMemo(() => toData(now, before), [JSON.stringify([now, before])]);
  useEffect(() => {
    const known = metrics[metric].kind !== "count" || [...now, ...before].some((b) => b.values[0] !== null);
    if (now.length === 0 || !known) return; // an axis without numbers would be read as one with none
    const element = space.current!;
    const plot = new uPlot(options(element, metrics[metric], currency, interval, now, setHover), data, element);
    const observer = new ResizeObserver(() => plot.setSize(size(element)));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [data, metric, currency, interval, theme]);

  const info = metrics[metric];
  return (
    <figure class={`chart ${loading ? "stale" : ""}`} aria-busy={loading}>
      <div ref={space} class="chart-space" aria-hidden="true" onMouseLeave={() => setHover(undefined)}>
        {hover && now[hover.index] && (
          <Tip info={info} currency={currency} interval={interval} left={hover.left} flip={hover.index > now.length / 2}
            now={now[hover.index]!} before={before[hover.index]} />
        )}
      </div>
      <table class="hidden">
        <caption>{info.title} by {interval}</caption>
        <thead><tr><th scope="col">Time</th><th scope="col">{info.title}</th></tr></thead>
        <tbody>
          {now.filter((b) => b.state !== "future").map((b, i) => (
            <tr key={i}><th scope="row">{fmt.bucket(b, interval)}</th><td>{reading(info, b, currency)}</td></tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

function Tip({ info, currency, interval, left, flip, now, before }: {
  info: MetricInfo;
  currency: string | undefined;
  interval: Interval;
  left: number; // of the cursor, in pixels
  flip: boolean; // stand left of the cursor
  now: Bucket;
  before: Bucket | undefined;
}) {
  const change = now.state === "past" ? fmt.change(now.values[0], before?.values[0]) : undefined;
  return (
    <div class={`chart-tip ${flip ? "before-cursor" : ""}`} style={{ left: `${left}px` }}>
      <p class="tip-label">{fmt.bucket(now, interval)}{now.state === "running" ? ", so far" : ""}</p>
      <p class="tip-now">
        {reading(info, now, currency)}
        {change !== undefined && <span class="tip-change"> {change > 0 ? "+" : ""}{change}%</span>}
      </p>
      {before && <p class="tip-before">{reading(info, before, currency)} · {fmt.bucket(before, interval)}</p>}
    </div>
  );
}

/** The value of a bucket in words, or why it has none: of what is to come there is nothing to say. */
function reading(info: MetricInfo, b: Bucket, currency: string | undefined): string {
  const value = b.values[0] ?? null;
  if (value !== null || b.state === "future") return fmt.value(info, value, currency);
  return b.unknown ? "not known" : "nothing counted";
}

/** x, the period before, what is past, and dashed what is still running. */
function toData(now: Bucket[], before: Bucket[]): uPlot.AlignedData {
  const value = (b: Bucket | undefined): number | null => b?.values[0] ?? null;
  const running = now.findIndex((b) => b.state === "running");
  return [
    now.map((_, i) => i),
    now.map((_, i) => value(before[i])),
    now.map((b) => (b.state === "past" ? value(b) : null)),
    now.map((b, i) => (running >= 0 && (i === running || i === running - 1) ? value(b) : null)),
  ];
}

function size(element: HTMLElement): { width: number; height: number } {
  const width = element.clientWidth;
  return { width, height: width < smallWidthPx ? heightSmallPx : heightPx };
}

function options(
  element: HTMLElement, info: MetricInfo, currency: string | undefined, interval: Interval, now: Bucket[],
  onHover: (at: { index: number; left: number } | undefined) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: color("--ink-2"), font, ticks: { show: false } };
  // A bucket without a value is a gap in the line; what stands between two gaps is a dot at least.
  const dots = (u: uPlot, series: number, show: boolean): number[] | null => (show ? null : alone(u.data[series]!));
  const point = { show: now.length <= 31, size: 5, fill: color("--card"), width: 1.5, filter: dots };
  const incrs = steps[info.kind];
  const days = interval === "hour" && now.length > 25; // hours of more than one day
  const tick = (label: string): string =>
    days && label.slice(11, 13) === "00" ? fmt.tick(label.slice(0, 10), "day") : fmt.tick(label, interval);
  return {
    ...size(element),
    legend: { show: false },
    padding: [12, 24, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8, width: 2, fill: color("--card") } },
    scales: {
      x: { time: false, range: (_u, min, max) => (min === max ? [min - 1, max + 1] : [min, max]) },
      y: { range: (_u, _min, max) => [0, Math.max((max ?? 0) * 1.08, info.kind === "percent" ? 20 : 4)] },
    },
    axes: [
      {
        ...axis, grid: { show: false }, gap: 8, size: 32, space: interval === "hour" ? 52 : 64, incrs: days ? hoursOfDays : dayStep,
        values: (_u, splits) => splits.map((i) => (now[i] ? tick(now[i].label) : "")),
      },
      {
        ...axis, grid: { stroke: color("--line"), width: 1 }, gap: 8, size: 48, space: 48,
        ...(incrs ? { incrs } : {}),
        values: (_u, splits) => splits.map((v) => axisValue(info, v, currency)),
      },
    ],
    series: [
      {},
      { stroke: color("--before"), width: 1.5, points: { ...point, show: false, stroke: color("--before"), fill: color("--before") } },
      {
        stroke: color("--turf"), width: 2.25, fill: (u) => fade(u, color("--turf-fade"), color("--turf-gone")),
        points: { ...point, stroke: color("--turf") },
      },
      {
        stroke: color("--turf"), width: 2.25, dash: [4, 5], points: { ...point, stroke: color("--turf") },
        fill: (u) => fade(u, color("--turf-fade"), color("--turf-gone")),
      },
    ],
    hooks: {
      setCursor: [(u) => {
        const index = u.cursor.idx;
        const left = u.cursor.left ?? -1;
        if (index == null || left < 0) return onHover(undefined);
        onHover({ index, left: u.valToPos(index, "x") + u.bbox.left / devicePixelRatio });
      }],
    },
  };
}

function axisValue(info: MetricInfo, v: number, currency = ""): string {
  switch (info.kind) {
    case "seconds":
      return v === 0 ? "0" : fmt.duration(v);
    case "percent":
      return v > 100 ? "" : `${v}%`;
    case "money":
      return fmt.axisMoney(v, currency);
    default:
      return fmt.axisCount(v);
  }
}

/** A fill that is strongest at the top and gone at the bottom, where it is the same colour with nothing of it left. */
function fade(u: uPlot, from: string, to: string): CanvasGradient | string {
  const { top, height } = u.bbox;
  if (!Number.isFinite(height) || height <= 0) return from;
  const gradient = u.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, from);
  gradient.addColorStop(1, to);
  return gradient;
}
