// The list of sites: each with its last thirty days as a small line.

import { ask, type Site } from "./api";
import { fill } from "./buckets";
import { today } from "./day";
import { count } from "./format";
import { useAnswer, useTitle } from "./hooks";
import { follow } from "./navigate";
import { Guard } from "./parts";
import { defaultPreset, type Span, spanOf } from "./period";
import { defaultMetric, format, type View } from "./url";

export function SiteList({ sites, guest = false }: { sites: Site[]; guest?: boolean | undefined }) {
  useTitle("Sites · Turf");
  return (
    <main id="content" class="page">
      <h1 class="page-title">Sites</h1>
      {sites.length === 0 && guest
        ? <p class="muted">You are a guest, and not invited to a site at the moment. Ask whoever invited you before.</p>
        : sites.length === 0
        ? <p class="muted">No site yet. Add one with <code>turf site add example.com --timezone Europe/Amsterdam</code></p>
        : (
          <ul class="sites">
            {sites.map((s) => <li key={s.site} class="card site-card"><Guard><SiteCard site={s} /></Guard></li>)}
          </ul>
        )}
    </main>
  );
}

function SiteCard({ site }: { site: Site }) {
  const span = spanOf({ preset: "30d" }, today(site.timezone));
  const { data, error } = useAnswer(`${site.site} ${span.from}`, 0, (signal) => days(site, span, signal));
  const view: View = { site: site.site, period: { preset: defaultPreset }, metric: defaultMetric, filters: [] };
  const total = data?.reduce<number>((a, b) => a + (b ?? 0), 0);
  return (
    <>
      <a class="cover" href={format(view)} onClick={follow(view)}>{site.site}</a>
      <p class="site-total">
        {total === undefined ? <span class="muted">{error ? error.message : "…"}</span> : (
          <>
            {data?.includes(null) && <span class="muted">at least </span>}
            <strong>{count(total)}</strong> <span class="muted">visitors in 30 days</span>
          </>
        )}
      </p>
      <Spark values={data ?? []} />
    </>
  );
}

/** The visitors of each day; null where they are not known. */
async function days(site: Site, span: Span, signal: AbortSignal): Promise<(number | null)[]> {
  const { rows } = await ask({ site: site.site, metrics: ["visitors"], range: span, dimensions: ["time:day"] }, signal);
  const labelled = rows.map((r) => ({ label: r.dimensions[0]!, values: r.values }));
  return fill(labelled, span, "day", site.timezone, [0], new Date()).map((b) => b.values[0] ?? null);
}

function Spark({ values }: { values: (number | null)[] }) {
  const width = 240;
  const height = 48;
  const top = Math.max(0, ...values.map((v) => v ?? 0));
  const step = width / Math.max(1, values.length - 1);
  const lines: string[][] = []; // broken where a value is not known
  values.forEach((v, i) => {
    if (v === null) return;
    if (i === 0 || values[i - 1] === null) lines.push([]);
    lines.at(-1)!.push(`${(i * step).toFixed(1)},${(height - 2 - (v / top) * (height - 6)).toFixed(1)}`);
  });
  const x = (point: string): string => point.split(",")[0]!;
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      {top > 0 && lines.map((points) => (
        <g key={points[0]}>
          <path class="spark-area" d={`M${x(points[0]!)},${height} L${points.join(" L")} L${x(points.at(-1)!)},${height} Z`} />
          <path class={`spark-line ${points.length > 1 ? "" : "spark-dot"}`} d={`M${points[0]} L${points.join(" L")}`} />
        </g>
      ))}
    </svg>
  );
}
