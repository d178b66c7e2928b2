// Who went through steps, and where they were lost.

import { useEffect, useState } from "preact/hooks";
import * as fmt from "../format";
import { useAnswer } from "../hooks";
import { AttributeField, blanks, Builder, Check, MatchField, MatchList, NumberField, Select } from "./fields";
import { Bar, percent, Result, Table } from "./numbers";
import type { ReportProps } from "./page";
import {
  compact, joinTime, listOf, matchOf, oneOf, type Raw, replaced, splitTime, textOf, type TimeUnit, wholeOf, without,
} from "./state";
import { askReport, type Exclusion, type Funnel, type Match, type Step } from "./wire";

const orders = [["ordered", "One after another"], ["strict", "With nothing between"], ["any_order", "In any order"]] as const;
const counts = [["people", "People"], ["sessions", "Sessions"], ["totals", "Every time"]] as const;
const breakdowns = [
  ["", "Nothing"], ["visit:channel", "First channel"], ["visit:source", "First source"], ["visit:country", "First country"],
  ["visit:device", "First device"],
] as const;
const timeUnits = [["day", "days"], ["hour", "hours"], ["minute", "minutes"], ["second", "seconds"]] as const;
const maxWindowSec = 366 * 86_400;
const maxSteps = 8;
const maxHold = 3;
const maxExclusions = 4;

interface Question {
  steps: Match[];
  order: (typeof orders)[number][0];
  window_sec: number;
  count: (typeof counts)[number][0];
  breakdown: (typeof breakdowns)[number][0];
  hold: string[]; // attributes that have the same value at all steps
  exclude: Exclusion[];
  next: boolean;
  distribution: boolean;
  compare: boolean;
}

/** The question of the address. */
export function funnelOf(raw: Raw | undefined): Question {
  const steps = listOf(raw?.["steps"]).map(matchOf).slice(0, maxSteps);
  while (steps.length < 2) steps.push({ page: "" });
  return {
    steps,
    order: oneOf(raw?.["order"], orders.map(([v]) => v)),
    window_sec: wholeOf(raw?.["window_sec"], 1, maxWindowSec, 7 * 86_400),
    count: oneOf(raw?.["count"], counts.map(([v]) => v)),
    breakdown: oneOf(raw?.["breakdown"], breakdowns.map(([v]) => v)),
    hold: listOf(raw?.["hold"]).map(textOf).slice(0, maxHold),
    exclude: listOf(raw?.["exclude"]).map((x) => exclusionOf(x, steps.length)).slice(0, maxExclusions),
    next: raw?.["next"] === true,
    distribution: raw?.["distribution"] === true,
    compare: raw?.["compare"] === "previous_period",
  };
}

function exclusionOf(v: unknown, steps: number): Exclusion {
  const { after, before } = (v ?? {}) as Raw;
  return { ...matchOf(v), after: wholeOf(after, 1, steps - 1, 1), before: wholeOf(before, 2, steps, steps) };
}

/** The question as the server takes it: what does not go together is left out. */
export function wireFunnel(q: Question): Raw {
  const anyOrder = q.order === "any_order";
  return compact({
    ...q,
    exclude: q.order === "ordered" ? q.exclude.map((x) => between(x, q.steps.length)) : [],
    next: q.next && !anyOrder && q.count !== "totals",
    compare: q.compare ? "previous_period" : "",
  });
}

/** The exclusion inside the steps that there are. */
function between(x: Exclusion, steps: number): Exclusion {
  const after = Math.min(x.after ?? 1, steps - 1);
  return { ...x, after, before: Math.max(after + 1, Math.min(x.before ?? steps, steps)) };
}

export function Funnels({ site, span, raw, common, weight, suggestions, onAsk }: ReportProps) {
  const asked = raw && funnelOf(raw);
  const question = asked && { ...wireFunnel(asked), ...common };
  const loaded = useAnswer(JSON.stringify([site, span, question]), 0, async (signal) =>
    question && askReport("funnel", site, span, question, signal));
  return (
    <>
      <FunnelForm raw={raw} suggestions={suggestions} onAsk={onAsk} />
      <Result loaded={loaded} hint="Choose two to eight steps and press Show.">
        {(a) => <Answer answer={a} weight={weight} />}
      </Result>
    </>
  );
}

function FunnelForm({ raw, suggestions, onAsk }: Pick<ReportProps, "raw" | "suggestions" | "onAsk">) {
  const [q, setQ] = useState(() => funnelOf(raw));
  const key = JSON.stringify(raw);
  useEffect(() => setQ(funnelOf(raw)), [key]);
  const set = (change: Partial<Question>): void => setQ({ ...q, ...change });
  const { n, unit } = splitTime(q.window_sec);
  const wrong = blanks([...q.steps, ...(q.order === "ordered" ? q.exclude : [])]) ?? mistake(q);
  return (
    <Builder wrong={wrong} onSubmit={() => onAsk(wireFunnel(q))}>
      <MatchList
        label="Step" values={q.steps} min={2} max={maxSteps} suggestions={suggestions} onChange={(steps) => set({ steps })}
      />
      <div class="options">
        <Select label="Order" name="order" value={q.order} options={orders} onChange={(order) => set({ order })} />
        <NumberField
          label="Within" name="window" value={n} min={1} max={maxWindowSec} onChange={(v) => set({ window_sec: joinTime(v, unit) })}
        />
        <Select
          label="Unit" name="unit" value={unit} options={timeUnits} onChange={(u: TimeUnit) => set({ window_sec: joinTime(n, u) })}
        />
        <Select label="Count" name="count" value={q.count} options={counts} onChange={(count) => set({ count })} />
        <Select
          label="Break down by" name="breakdown" value={q.breakdown} options={breakdowns} onChange={(breakdown) => set({ breakdown })}
        />
      </div>
      <Holds values={q.hold} onChange={(hold) => set({ hold })} />
      {q.order === "ordered" && (
        <Exclusions values={q.exclude} steps={q.steps.length} suggestions={suggestions} onChange={(exclude) => set({ exclude })} />
      )}
      <div class="options">
        <Check label="What those who were lost did next" name="next" checked={q.next} onChange={(next) => set({ next })} />
        <Check
          label="How long it took" name="distribution" checked={q.distribution} onChange={(distribution) => set({ distribution })}
        />
        <Check label="Compare with the days before" name="compare" checked={q.compare} onChange={(compare) => set({ compare })} />
      </div>
    </Builder>
  );
}

/** Says what does not go together, or nothing. */
function mistake(q: Question): string | undefined {
  if (q.order === "any_order" && q.count === "totals") return "In any order nothing begins twice: count people or sessions.";
  if (q.window_sec < 1 || q.window_sec > maxWindowSec) return "The time is from a second to 366 days.";
  if (q.hold.some((h) => h === "event:props:")) return "Name the property that is the same at all steps.";
  return undefined;
}

/** What has the same value at all steps. */
function Holds({ values, onChange }: { values: string[]; onChange: (values: string[]) => void }) {
  return (
    <div class="match-list">
      {values.map((v, i) => (
        <div key={i} class="match-line">
          <span class="muted">The same at all steps:</span>
          <AttributeField
            label={`The same at all steps ${i + 1}`} name="hold" value={v} onChange={(h) => onChange(replaced(values, i, h))}
          />
          <button
            type="button" class="quiet" aria-label={`Remove what is the same ${i + 1}`} onClick={() => onChange(without(values, i))}
          >×</button>
        </div>
      ))}
      <button
        type="button" class="quiet" data-add="hold" disabled={values.length >= maxHold}
        onClick={() => onChange([...values, "visit:device"])}
      >
        + Something is the same at all steps
      </button>
    </div>
  );
}

interface ExclusionsProps {
  values: Exclusion[];
  steps: number;
  suggestions: ReportProps["suggestions"];
  onChange: (values: Exclusion[]) => void;
}

/** What must not lie between two steps. */
function Exclusions({ values, steps, suggestions, onChange }: ExclusionsProps) {
  const set = (i: number, x: Exclusion): void => onChange(replaced(values, i, x));
  const places = Array.from({ length: steps }, (_, i) => [String(i + 1), `step ${i + 1}`] as const);
  return (
    <div class="match-list">
      {values.map((value, i) => {
        const x = between(value, steps);
        return (
          <div key={i} class="rule">
            <MatchField
              label={`Not between the steps ${i + 1}`} value={x} suggestions={suggestions}
              onChange={(m) => set(i, { ...m, after: x.after!, before: x.before! })}
            >
              <button
                type="button" class="quiet" aria-label={`Remove exclusion ${i + 1}`} onClick={() => onChange(without(values, i))}
              >×</button>
            </MatchField>
            <Select
              label="After" value={String(x.after)} options={places.slice(0, -1)}
              onChange={(v) => set(i, between({ ...x, after: Number(v) }, steps))}
            />
            <Select
              label="Before" value={String(x.before)} options={places.slice(x.after)}
              onChange={(v) => set(i, { ...x, before: Number(v) })}
            />
          </div>
        );
      })}
      <button
        type="button" class="quiet" data-add="exclusion" disabled={values.length >= maxExclusions}
        onClick={() => onChange([...values, { event: "", after: 1, before: steps }])}
      >
        + Leave out who did something in between
      </button>
    </div>
  );
}

function Answer({ answer, weight }: { answer: Funnel; weight: boolean }) {
  const what = counts.find(([v]) => v === answer.count)?.[1] ?? "People";
  return (
    <>
      <Table label="Steps of the funnel">
        <caption>Steps</caption>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col" class="num">{what}</th>
            <th scope="col">Of all who began</th>
            <th scope="col" class="num">Went on</th>
            <th scope="col" class="num">Lost</th>
            <th scope="col" class="num" title="Half needed at most so long since the first step">Time, half</th>
            <th scope="col" class="num" title="Nine in ten needed at most so long">nine in ten</th>
            {answer.before && <th scope="col" class="num">Days before</th>}
          </tr>
        </thead>
        <tbody>
          {answer.steps.map((s, i) => (
            <StepRow
              key={i} step={s} previous={answer.steps[i - 1]} place={i} before={answer.before?.steps[i]} compared={!!answer.before}
              weight={weight}
            />
          ))}
        </tbody>
      </Table>
      {answer.open && <p class="note">The time of some who began is not over: they may still go on.</p>}
      {answer.groups && <Groups groups={answer.groups} weight={weight} />}
      {answer.steps.map((s, i) => s.next && s.next.length > 0 && <Next key={i} step={s} place={i} weight={weight} />)}
      {answer.steps.map((s, i) => s.distribution && s.distribution.length > 0 && <Distribution key={i} step={s} place={i} />)}
    </>
  );
}

interface StepProps {
  step: Step;
  previous: Step | undefined;
  place: number; // from 0
  before: Step | undefined;
  compared: boolean;
  weight: boolean;
}

/** The share of those who began, in percent. */
function shareOf(s: Step, place: number, weight: boolean): number | null {
  if (place === 0) return s.count > 0 ? 100 : null;
  return (weight ? s.conversion_from_first_weighted : undefined) ?? s.conversion_from_first;
}

function StepRow({ step, previous, place, before, compared, weight }: StepProps) {
  const count = countOf(step, weight);
  const came = previous && countOf(previous, weight);
  const part = shareOf(step, place, weight);
  const range = step.conversion_low !== undefined && step.conversion_high !== undefined
    ? `95 in 100 such samples lie between ${percent(step.conversion_low)} and ${percent(step.conversion_high)}` : undefined;
  return (
    <tr data-value={step.label}>
      <th scope="row"><span class="place">{place + 1}</span> {step.label}</th>
      <td class="num" data-number="count">{fmt.count(count)}</td>
      <td class="bar-cell" data-number="conversion" title={range}>
        <Bar part={(part ?? 0) / 100} /> <span>{percent(part)}</span>
      </td>
      <td class="num" data-number="went-on">{came !== undefined && fmt.share(count, came)}</td>
      <td class="num" data-number="lost">{came !== undefined && fmt.count(came - count)}</td>
      <td class="num" data-number="time">{step.time && fmt.duration(step.time.p50)}</td>
      <td class="num">{step.time && fmt.duration(step.time.p90)}</td>
      {compared && (
        <td class="num" data-number="before">
          {before && `${fmt.count(before.count)}${place > 0 ? ` (${percent(before.conversion_from_first)})` : ""}`}
        </td>
      )}
    </tr>
  );
}

export function countOf(n: { count: number; weighted?: number }, weight: boolean): number {
  return weight ? n.weighted ?? n.count : n.count;
}

function Groups({ groups, weight }: { groups: NonNullable<Funnel["groups"]>; weight: boolean }) {
  return (
    <Table label="The funnel by group">
      <caption>By first touch</caption>
      <thead>
        <tr>
          <th scope="col">Group</th>
          {groups[0]?.steps.map((s, i) => <th key={i} scope="col" class="num">{s.label}</th>)}
          <th scope="col">Of all who began</th>
        </tr>
      </thead>
      <tbody>
        {groups.map((g) => {
          const part = shareOf(g.steps.at(-1)!, g.steps.length - 1, weight);
          return (
            <tr key={g.value} data-group={g.value}>
              <th scope="row">{g.value}</th>
              {g.steps.map((s, i) => <td key={i} class="num">{fmt.count(countOf(s, weight))}</td>)}
              <td class="bar-cell"><Bar part={(part ?? 0) / 100} /> <span>{percent(part)}</span></td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}

function Next({ step, place, weight }: { step: Step; place: number; weight: boolean }) {
  return (
    <Table label={`What came after step ${place + 1}`}>
      <caption>Who came to step {place + 1} ({step.label}) and no further, did next</caption>
      <thead>
        <tr><th scope="col">Page or event</th><th scope="col" class="num">People</th><th scope="col">Of those lost</th></tr>
      </thead>
      <tbody>
        {step.next!.map((n) => (
          <tr key={n.value} data-next={n.value}>
            <th scope="row">{n.value}</th>
            <td class="num">{fmt.count(countOf(n, weight))}</td>
            <td class="bar-cell"><Bar part={(n.percent ?? 0) / 100} class="lost" /> <span>{percent(n.percent)}</span></td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function Distribution({ step, place }: { step: Step; place: number }) {
  const buckets = step.distribution!;
  const all = buckets.reduce((sum, b) => sum + b.count, 0);
  return (
    <Table label={`How long step ${place + 1} took`}>
      <caption>From the first step to step {place + 1} ({step.label})</caption>
      <thead><tr><th scope="col">At least</th><th scope="col" class="num">People</th><th scope="col">Share</th></tr></thead>
      <tbody>
        {buckets.map((b) => (
          <tr key={b.from_sec}>
            <th scope="row">{fmt.duration(b.from_sec)}</th>
            <td class="num">{fmt.count(b.count)}</td>
            <td class="bar-cell"><Bar part={b.count / all} /> <span>{fmt.share(b.count, all)}</span></td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
