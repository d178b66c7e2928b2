// Which features the active people use, which nobody used, and how often people come.

import { useEffect, useState } from "preact/hooks";
import * as fmt from "../format";
import { useAnswer } from "../hooks";
import { blanks, Builder, MatchList, Select } from "./fields";
import { Bar, people, percent, Result, Table } from "./numbers";
import type { ReportProps } from "./page";
import { compact, listOf, matchOf, oneOf, type Raw } from "./state";
import { type Adoption, askReport, type Feature, type Match } from "./wire";

const units = [["day", "Day"], ["week", "Week"], ["month", "Month"]] as const;
const maxFeatures = 50;

interface Question {
  features: Match[];
  unit: (typeof units)[number][0];
}

export function adoptionOf(raw: Raw | undefined): Question {
  const features = listOf(raw?.["features"]).map(matchOf).slice(0, maxFeatures);
  return { features: features.length > 0 ? features : [{ event: "" }], unit: oneOf(raw?.["unit"], units.map(([v]) => v)) };
}

export function AdoptionReport({ site, span, raw, common, weight, suggestions, onAsk }: ReportProps) {
  const question = raw && { ...compact(adoptionOf(raw)), ...common };
  const loaded = useAnswer(JSON.stringify([site, span, question]), 0, async (signal) =>
    question && askReport("adoption", site, span, question, signal));
  return (
    <>
      <AdoptionForm raw={raw} suggestions={suggestions} onAsk={onAsk} />
      <Result loaded={loaded} hint="Name the features that you want to know about, and press Show.">
        {(a) => <Answer answer={a} weight={weight} />}
      </Result>
    </>
  );
}

function AdoptionForm({ raw, suggestions, onAsk }: Pick<ReportProps, "raw" | "suggestions" | "onAsk">) {
  const [q, setQ] = useState(() => adoptionOf(raw));
  const key = JSON.stringify(raw);
  useEffect(() => setQ(adoptionOf(raw)), [key]);
  const known = q.features.map((f) => f.event);
  const more = suggestions.events.filter((e) => !known.includes(e));
  const addAll = (): void => {
    const named = q.features.filter((f) => (f.page ?? f.event ?? "") !== "");
    setQ({ ...q, features: [...named, ...more.map((event) => ({ event }))].slice(0, maxFeatures) });
  };
  return (
    <Builder wrong={blanks(q.features)} onSubmit={() => onAsk(compact(q))}>
      <MatchList
        label="Feature" values={q.features} min={1} max={maxFeatures} suggestions={suggestions}
        onChange={(features) => setQ({ ...q, features })}
      />
      <div class="options">
        <Select label="By" name="unit" value={q.unit} options={units} onChange={(unit) => setQ({ ...q, unit })} />
        {more.length > 0 && (
          <button type="button" class="quiet" data-add="events" onClick={addAll}>+ All events that were counted</button>
        )}
      </div>
    </Builder>
  );
}

const sticky = [
  ["dau", "A day", false], ["wau", "7 days", false], ["mau", "30 days", false], ["dau_wau", "Day of 7 days", true],
  ["dau_mau", "Day of 30 days", true], ["wau_mau", "7 days of 30 days", true],
] as const;

function Answer({ answer, weight }: { answer: Adoption; weight: boolean }) {
  const never = answer.features.filter((f) => f.never);
  return (
    <>
      <dl class="figures" aria-label="Stickiness">
        <div><dt>Active people</dt><dd data-figure="active">{fmt.count(answer.active)}</dd></div>
        {sticky.map(([key, name, share]) => {
          const n = answer.stickiness[key];
          return (
            <div key={key}>
              <dt>{name}</dt>
              <dd data-figure={key}>{n === null ? "–" : share ? percent(n) : fmt.count(n)}</dd>
            </div>
          );
        })}
      </dl>
      <p class="note">Active in a day, in 7 and in 30 days: the mean over the days above, and one as a share of the other.</p>
      <Table label="Use of features">
        <caption>Features</caption>
        <thead>
          <tr>
            <th scope="col">Feature</th>
            <th scope="col" class="num">People</th>
            <th scope="col">Of the active</th>
            <th scope="col" class="num">Uses</th>
            <th scope="col">By {answer.unit}</th>
          </tr>
        </thead>
        <tbody>
          {answer.features.map((f, i) => <FeatureRow key={i} feature={f} unit={answer.unit} weight={weight} />)}
        </tbody>
      </Table>
      {never.length > 0 && (
        <p class="note" data-never>Never used in these days: {never.map((f) => f.label).join(", ")}.</p>
      )}
      <Units answer={answer} />
    </>
  );
}

function FeatureRow({ feature, unit, weight }: { feature: Feature; unit: string; weight: boolean }) {
  const part = (weight ? feature.percent_weighted : undefined) ?? feature.percent;
  return (
    <tr data-value={feature.label}>
      <th scope="row">
        {feature.label}
        {feature.core && <span class="badge" title="Among the fewest features that make 80 % of all uses">core</span>}
        {feature.never && <span class="badge bad">never used</span>}
      </th>
      <td class="num" data-number="people">{people(feature.people)}</td>
      <td class="bar-cell" data-number="share"><Bar part={(part ?? 0) / 100} /> <span>{percent(part)}</span></td>
      <td class="num" data-number="uses">{fmt.count(feature.uses)}</td>
      <td><Columns shares={feature.by_unit} unit={unit} /></td>
    </tr>
  );
}

const columnPx = 6;
const columnsHeight = 24;

/** The shares of a feature in each unit, as little columns. */
function Columns({ shares, unit }: { shares: (number | null)[]; unit: string }) {
  const words = `Share by ${unit}: ${shares.map((s) => percent(s)).join(", ")}`;
  return (
    <svg class="columns" width={shares.length * columnPx} height={columnsHeight} role="img" aria-label={words}>
      {shares.map((s, i) => s !== null && (
        <rect
          key={i} x={i * columnPx} width={columnPx - 1} y={columnsHeight - Math.max(1, s / 100 * columnsHeight)}
          height={Math.max(1, s / 100 * columnsHeight)}
        />
      ))}
    </svg>
  );
}

function Units({ answer }: { answer: Adoption }) {
  return (
    <details>
      <summary>Active people by {answer.unit}</summary>
      <Table label={`Active people by ${answer.unit}`}>
        <thead>
          <tr>
            <th scope="col">Begins</th>
            <th scope="col" class="num">Active</th>
            {answer.features.map((f, i) => <th key={i} scope="col" class="num">{f.label}</th>)}
          </tr>
        </thead>
        <tbody>
          {answer.units.map((u, i) => (
            <tr key={u.start}>
              <th scope="row">{fmt.date(u.start)}{u.incomplete && " (in part)"}</th>
              <td class="num">{fmt.count(u.active)}</td>
              {answer.features.map((f, at) => <td key={at} class="num">{percent(f.by_unit[i])}</td>)}
            </tr>
          ))}
        </tbody>
      </Table>
    </details>
  );
}
