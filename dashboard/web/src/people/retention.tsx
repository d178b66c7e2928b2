// Who came back: a curve over all, and a table of those who began together.

import { useEffect, useState } from "preact/hooks";
import * as fmt from "../format";
import { useAnswer } from "../hooks";
import { Builder, halfNamed, MatchField, NumberField, Select } from "./fields";
import { percent, Result, Table } from "./numbers";
import type { ReportProps } from "./page";
import { bracketsOf, bracketText, compact, listOf, matchOf, oneOf, type Raw, wholeOf } from "./state";
import { askReport, type Cell, type Match, type Retention } from "./wire";

const units = [["day", "Days"], ["week", "Weeks"], ["month", "Months"]] as const;
const modes = [
  ["on", "On that day, week or month"], ["on_or_after", "Then or later (unbounded)"], ["brackets", "In brackets"],
] as const;

type Unit = (typeof units)[number][0];

/** How many units after the first can be asked for, and are where nothing is said; see the server. */
const maxOffsets: Record<Unit, number> = { day: 90, week: 53, month: 24 };
const defaultOffsets: Record<Unit, number> = { day: 7, week: 8, month: 6 };
const maxBrackets = 20;

interface Question {
  birth: Match;
  return: Match;
  unit: Unit;
  mode: (typeof modes)[number][0];
  offsets: number;
  brackets: [number, number][];
}

export function retentionOf(raw: Raw | undefined): Question {
  const unit = oneOf(raw?.["unit"], units.map(([v]) => v));
  const brackets = listOf(raw?.["brackets"]).filter(isPair);
  return {
    birth: matchOf(raw?.["birth"]),
    return: matchOf(raw?.["return"]),
    unit,
    mode: oneOf(raw?.["mode"], modes.map(([v]) => v)),
    offsets: wholeOf(raw?.["offsets"], 1, maxOffsets[unit], defaultOffsets[unit]),
    brackets: brackets.length > 0 ? brackets : [[1, 3], [4, 7]],
  };
}

function isPair(v: unknown): v is [number, number] {
  return Array.isArray(v) && v.length === 2 && v.every((n) => typeof n === "number");
}

export function wireRetention(q: Question): Raw {
  const { brackets, offsets, ...rest } = q;
  return compact(q.mode === "brackets" ? { ...rest, brackets } : { ...rest, offsets });
}

export function RetentionReport({ site, span, raw, common, weight, suggestions, onAsk }: ReportProps) {
  const question = { ...wireRetention(retentionOf(raw)), ...common };
  const loaded = useAnswer(JSON.stringify([site, span, question]), 0, (signal) =>
    askReport("retention", site, span, question, signal));
  return (
    <>
      <RetentionForm raw={raw} suggestions={suggestions} onAsk={onAsk} />
      <Result loaded={loaded} hint="">{(a) => <Answer answer={a} weight={weight} />}</Result>
    </>
  );
}

function RetentionForm({ raw, suggestions, onAsk }: Pick<ReportProps, "raw" | "suggestions" | "onAsk">) {
  const [q, setQ] = useState(() => retentionOf(raw));
  const [typed, setTyped] = useState(bracketText(q.brackets));
  const key = JSON.stringify(raw);
  useEffect(() => {
    const asked = retentionOf(raw);
    setQ(asked);
    setTyped(bracketText(asked.brackets));
  }, [key]);
  const set = (change: Partial<Question>): void => setQ({ ...q, ...change });
  const brackets = bracketsOf(typed);
  const inBrackets = q.mode === "brackets";
  const unreadable = inBrackets && (!brackets || brackets.length > maxBrackets) ? "Write brackets as 1-3, 4-7, 8-14." : undefined;
  const wrong = halfNamed([q.birth, q.return]) ?? unreadable;
  return (
    <Builder wrong={wrong} onSubmit={() => onAsk(wireRetention({ ...q, brackets: brackets ?? q.brackets }))}>
      <MatchField label="Began with" anything value={q.birth} suggestions={suggestions} onChange={(birth) => set({ birth })} />
      <MatchField label="Came back for" anything value={q.return} suggestions={suggestions} onChange={(m) => set({ return: m })} />
      <div class="options">
        <Select
          label="By" name="unit" value={q.unit} options={units} onChange={(unit) => set({ unit, offsets: defaultOffsets[unit] })}
        />
        <Select label="Came back" name="mode" value={q.mode} options={modes} onChange={(mode) => set({ mode })} />
        {inBrackets
          ? (
            <label class="field">
              <span>Brackets</span>
              <input type="text" name="brackets" value={typed} required onInput={(e) => setTyped(e.currentTarget.value)} />
            </label>
          )
          : (
            <NumberField
              label="How many" name="offsets" value={q.offsets} min={1} max={maxOffsets[q.unit]}
              onChange={(offsets) => set({ offsets })}
            />
          )}
      </div>
    </Builder>
  );
}

type Point = Retention["curve"][number];

function shareOf(c: Cell | Point, weight: boolean): number | null {
  return (weight ? c.percent_weighted : undefined) ?? c.percent;
}

function slotName(unit: string, [from, to]: [number, number]): string {
  const name = unit[0]!.toUpperCase() + unit.slice(1);
  return from === to ? `${name} ${from}` : `${name}s ${from}–${to}`;
}

function Answer({ answer, weight }: { answer: Retention; weight: boolean }) {
  return (
    <>
      <Curve answer={answer} weight={weight} />
      <Table label="Retention by when people began">
        <caption>By the {answer.unit} in which they began</caption>
        <thead>
          <tr>
            <th scope="col">Began</th>
            <th scope="col" class="num">People</th>
            {answer.slots.map((s, i) => <th key={i} scope="col" class="num">{slotName(answer.unit, s)}</th>)}
          </tr>
        </thead>
        <tbody>
          <tr data-cohort="all">
            <th scope="row">All whose time is over</th>
            <td class="num" />
            {answer.curve.map((p, i) => (
              <td key={i} class="num" title={`${fmt.count(p.count)} of ${fmt.count(p.people)} people`}>
                <strong>{percent(shareOf(p, weight))}</strong>
              </td>
            ))}
          </tr>
          {answer.cohorts.map((c) => (
            <tr key={c.start} data-cohort={c.start}>
              <th scope="row">{fmt.date(c.start)}</th>
              <td class="num">{c.size === null ? "fewer than 5" : fmt.count(c.size)}</td>
              {c.values.map((v, i) => <ValueCell key={i} cell={v} weight={weight} />)}
            </tr>
          ))}
        </tbody>
      </Table>
      <p class="note">* is not over yet: more may come back. Days, weeks and months are those of the site's calendar.</p>
    </>
  );
}

/** How strongly a full cell is coloured, in percent. */
const mostColour = 45;

function ValueCell({ cell, weight }: { cell: Cell; weight: boolean }) {
  const share = shareOf(cell, weight);
  if (share === null) return <td class="num muted"><span class="hidden">no number</span></td>;
  const colour = `color-mix(in srgb, var(--turf) ${Math.round(share / 100 * mostColour)}%, var(--card))`;
  return (
    <td
      class={`num ${cell.incomplete ? "incomplete" : ""}`} style={{ background: colour }} data-share={share}
      title={cell.count === null ? undefined : `${fmt.count(cell.count)} people`}
    >
      {percent(share)}{cell.incomplete && <><span aria-hidden="true">*</span><span class="hidden"> so far</span></>}
    </td>
  );
}

const width = 720;
const height = 200;
const margin = { left: 40, right: 12, top: 10, bottom: 24 };

/** The share of all cohorts by how long it is ago that they began. */
function Curve({ answer, weight }: { answer: Retention; weight: boolean }) {
  const shares = answer.curve.map((p) => shareOf(p, weight));
  const [across, down] = [width - margin.left - margin.right, height - margin.top - margin.bottom];
  const x = (i: number): number => margin.left + across * (shares.length > 1 ? i / (shares.length - 1) : 0.5);
  const y = (share: number): number => margin.top + down * (1 - share / 100);
  const known = shares.flatMap((s, i) => (s === null ? [] : [{ i, s }]));
  if (known.length === 0) return <p class="none">No time is over yet, so there is no curve.</p>;
  const every = Math.ceil(shares.length / 12);
  const words = known.map(({ i, s }) => `${slotName(answer.unit, answer.slots[i]!)}: ${percent(s)}`).join(", ");
  return (
    <figure class="curve">
      <figcaption>Came back, of all whose time is over</figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={words}>
        {[0, 50, 100].map((s) => (
          <g key={s}>
            <line class="grid" x1={margin.left} x2={width - margin.right} y1={y(s)} y2={y(s)} />
            <text x={margin.left - 6} y={y(s) + 4} text-anchor="end">{s}%</text>
          </g>
        ))}
        <polyline class="line" points={known.map(({ i, s }) => `${x(i)},${y(s)}`).join(" ")} />
        {known.map(({ i, s }) => (
          <circle key={i} class="dot-mark" cx={x(i)} cy={y(s)} r="3.5"><title>{percent(s)}</title></circle>
        ))}
        {answer.slots.map((slot, i) => i % every === 0 && (
          <text key={i} x={x(i)} y={height - 6} text-anchor="middle">{bracketText([slot])}</text>
        ))}
      </svg>
    </figure>
  );
}
