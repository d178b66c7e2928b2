// Where people went from a page or event, or how they came to it: as a flow, and as a table.

import { useEffect, useState } from "preact/hooks";
import * as fmt from "../format";
import { useAnswer } from "../hooks";
import { Builder, Check, halfNamed, MatchField, NumberField, Select } from "./fields";
import { countOf } from "./funnels";
import { Bar, percent, Result, Table } from "./numbers";
import type { ReportProps } from "./page";
import { boxWidth, layout } from "./sankey";
import { compact, matchOf, oneOf, type Raw, wholeOf } from "./state";
import { askReport, type Journeys, type Match } from "./wire";

const directions = [["from", "From it"], ["to", "To it"]] as const;
const counts = [["people", "People"], ["sessions", "Sessions"]] as const;
const shows = [["both", "Pages and events"], ["pages", "Pages"], ["events", "Events"]] as const;
const maxSteps = 8;
const defaultSteps = 4;
/** Boxes of a step that are named; the rest is one. */
const named = 8;
/** Letters of a label that have room beside a box. */
const maxLabel = 24;

interface Question {
  anchor: Match;
  direction: (typeof directions)[number][0];
  steps: number;
  count: (typeof counts)[number][0];
  show: (typeof shows)[number][0];
  repeats: boolean;
}

export function journeysOf(raw: Raw | undefined): Question {
  return {
    anchor: matchOf(raw?.["anchor"]),
    direction: oneOf(raw?.["direction"], directions.map(([v]) => v)),
    steps: wholeOf(raw?.["steps"], 1, maxSteps, defaultSteps),
    count: oneOf(raw?.["count"], counts.map(([v]) => v)),
    show: oneOf(raw?.["show"], shows.map(([v]) => v)),
    repeats: raw?.["repeats"] === true,
  };
}

export function JourneysReport({ site, span, raw, common, weight, suggestions, onAsk }: ReportProps) {
  const asked = journeysOf(raw);
  const question = { ...compact(asked), ...common, top: named };
  const loaded = useAnswer(JSON.stringify([site, span, question]), 0, (signal) =>
    askReport("journeys", site, span, question, signal));
  return (
    <>
      <JourneysForm raw={raw} suggestions={suggestions} onAsk={onAsk} />
      <Result loaded={loaded} hint="">
        {(a) => (
          <>
            <Answer answer={a} backward={asked.direction === "to"} weight={weight} />
            <Paths site={site} span={span} question={question} weight={weight} />
          </>
        )}
      </Result>
    </>
  );
}

function JourneysForm({ raw, suggestions, onAsk }: Pick<ReportProps, "raw" | "suggestions" | "onAsk">) {
  const [q, setQ] = useState(() => journeysOf(raw));
  const key = JSON.stringify(raw);
  useEffect(() => setQ(journeysOf(raw)), [key]);
  const set = (change: Partial<Question>): void => setQ({ ...q, ...change });
  const wrong = halfNamed([q.anchor]);
  return (
    <Builder wrong={wrong} onSubmit={() => onAsk(compact(q))}>
      <MatchField label="Page or event" anything value={q.anchor} suggestions={suggestions} onChange={(anchor) => set({ anchor })} />
      <div class="options">
        <Select
          label="Direction" name="direction" value={q.direction} options={directions} onChange={(direction) => set({ direction })}
        />
        <NumberField label="Steps" name="steps" value={q.steps} min={1} max={maxSteps} onChange={(steps) => set({ steps })} />
        <Select label="Count" name="count" value={q.count} options={counts} onChange={(count) => set({ count })} />
        <Select label="Show" name="show" value={q.show} options={shows} onChange={(show) => set({ show })} />
        <Check label="Repeats too" name="repeats" checked={q.repeats} onChange={(repeats) => set({ repeats })} />
      </div>
    </Builder>
  );
}

function Answer({ answer, backward, weight }: { answer: Journeys; backward: boolean; weight: boolean }) {
  const nodes = answer.nodes ?? [];
  const edges = answer.edges ?? [];
  if (nodes.length === 0) return <p class="none">Nobody did that in these days.</p>;
  const l = layout(nodes, edges, backward, (n) => countOf(n, weight));
  const all = nodes.filter((n) => n.step === 0).reduce((sum, n) => sum + countOf(n, weight), 0);
  return (
    <>
      <div class="flow" tabIndex={0} role="region" aria-label="Flow">
        <svg
          width={l.width} height={l.height} viewBox={`0 0 ${l.width} ${l.height}`} role="img"
          aria-label="The same as the table below, as a flow"
        >
          {l.bands.map((b) => (
            <path key={`${b.edge.step} ${b.edge.from} ${b.edge.to}`} class={`band ${kindOf(b.edge.to)}`} d={b.path}>
              <title>{`${b.edge.from} → ${b.edge.to}: ${fmt.count(b.value)}`}</title>
            </path>
          ))}
          {l.boxes.map((b) => (
            <g key={`${b.node.step} ${b.node.name}`} data-node={`${b.node.step} ${b.node.name}`}>
              <rect class={`box ${kindOf(b.node.name)}`} x={b.x} y={b.y} width={boxWidth} height={b.height} rx="2" />
              <text x={b.x + boxWidth + 5} y={b.y + Math.min(b.height / 2, 8) + 4}>{cut(b.node.name)} {fmt.shortCount(b.value)}</text>
              <title>{`${b.node.name}: ${fmt.count(b.value)}`}</title>
            </g>
          ))}
        </svg>
      </div>
      <Table label="Journeys as a table">
        <caption>{fmt.count(answer.total)} in all; step 0 is where it {backward ? "ends" : "begins"}</caption>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">{backward ? "At" : "From"}</th>
            <th scope="col">{backward ? "Before it" : "To"}</th>
            <th scope="col" class="num">How many</th>
            <th scope="col" class="num">Of all</th>
          </tr>
        </thead>
        <tbody>
          {edges.map((e) => (
            <tr key={`${e.step} ${e.from} ${e.to}`} data-edge={`${e.step} ${e.from} ${e.to}`}>
              <td>{e.step}</td>
              <th scope="row">{e.from}</th>
              <td>{e.to}</td>
              <td class="num">{fmt.count(countOf(e, weight))}</td>
              <td class="num">{fmt.share(countOf(e, weight), all)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}

interface PathsProps extends Pick<ReportProps, "site" | "span" | "weight"> {
  question: Raw;
}

/** The most frequent journeys as a whole, asked for when they are opened. */
function Paths({ site, span, question, weight }: PathsProps) {
  const [open, setOpen] = useState(false);
  const { data, error } = useAnswer(JSON.stringify([site, span, question, open]), 0, async (signal) =>
    open ? askReport("paths", site, span, question, signal) : undefined);
  return (
    <details class="paths" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>The most frequent paths</summary>
      {error && <p class="error" role="alert">{error.message}</p>}
      {data && (
        <Table label="The most frequent paths">
          <thead>
            <tr><th scope="col">Path</th><th scope="col" class="num">How many</th><th scope="col">Of all</th></tr>
          </thead>
          <tbody>
            {data.paths.map((p) => (
              <tr key={p.nodes.join(" ")} data-path={p.nodes.join(" → ")}>
                <th scope="row">{p.nodes.join(" → ")}</th>
                <td class="num">{fmt.count(countOf(p, weight))}</td>
                <td class="bar-cell"><Bar part={(p.percent ?? 0) / 100} /> <span>{percent(p.percent)}</span></td>
              </tr>
            ))}
            {data.other > 0 && (
              <tr data-path="other">
                <th scope="row" class="muted">All others</th>
                <td class="num">{fmt.count(data.other)}</td>
                <td class="bar-cell"><Bar part={data.other / data.total} class="lost" /> <span>{fmt.share(data.other, data.total)}</span></td>
              </tr>
            )}
          </tbody>
        </Table>
      )}
    </details>
  );
}

function kindOf(name: string): string {
  return name === "(exit)" || name === "(entry)" ? "end" : name === "(other)" ? "rest" : "";
}

function cut(name: string): string {
  const short = name.replace(/^Visit (?=[/*])/, "");
  return short.length > maxLabel ? `${short.slice(0, maxLabel - 1)}…` : short;
}
