// The parts that the reports' questions are made of.

import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { ask } from "../api";
import { useAnswer } from "../hooks";
import type { Span } from "../period";
import { isBlank, replaced, without } from "./state";
import type { Condition, Match } from "./wire";

/** Pages and events that are offered as one types. */
const offered = 100;

export interface Suggestions {
  pages: string[];
  events: string[];
}

/** What was counted in these days, to choose from: names of pages and events, of nobody. */
export function useSuggestions(site: string, span: Span): Suggestions {
  const names = async (dimension: string, signal: AbortSignal): Promise<string[]> => {
    const { rows } = await ask({ site, metrics: ["visitors"], range: span, dimensions: [dimension], limit: offered }, signal);
    return rows.map((r) => r.dimensions[0] ?? "").filter((name) => name !== "" && !name.startsWith("("));
  };
  const { data } = useAnswer(JSON.stringify([site, span]), 0, async (signal) => {
    const [pages, events] = await Promise.all([names("event:page", signal), names("event:name", signal)]);
    return { pages, events: events.filter((e) => e !== "pageview") };
  });
  return data ?? { pages: [], events: [] };
}

interface SelectProps<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
  name?: string;
}

export function Select<T extends string>({ label, value, options, onChange, name }: SelectProps<T>) {
  return (
    <label class="field">
      <span>{label}</span>
      <select name={name} value={value} onChange={(e) => onChange(e.currentTarget.value as T)}>
        {options.map(([v, text]) => <option key={v} value={v}>{text}</option>)}
      </select>
    </label>
  );
}

interface NumberProps {
  label: string;
  value: number;
  min: number;
  max: number;
  onChange: (value: number) => void;
  name?: string;
}

export function NumberField({ label, value, min, max, onChange, name }: NumberProps) {
  return (
    <label class="field short">
      <span>{label}</span>
      <input
        type="number" name={name} value={value} min={min} max={max} step={1} required
        onInput={(e) => !Number.isNaN(e.currentTarget.valueAsNumber) && onChange(e.currentTarget.valueAsNumber)}
      />
    </label>
  );
}

export function Check({ label, checked, onChange, name }: {
  label: string; checked: boolean; onChange: (on: boolean) => void; name?: string;
}) {
  return (
    <label class="check">
      <input type="checkbox" name={name} checked={checked} onChange={(e) => onChange(e.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}

/** What a condition or a funnel can be about, beside a property of the event. */
const attributes = [
  ["visit:source", "Source"], ["visit:channel", "Channel"], ["visit:utm_campaign", "Campaign"], ["visit:referrer", "Referrer"],
  ["visit:country", "Country"], ["visit:device", "Device"], ["visit:browser", "Browser"], ["visit:os", "System"],
  ["event:hostname", "Host"], ["event:page", "Page"],
] as const;

const propPrefix = "event:props:";

interface AttributeProps {
  label: string;
  value: string; // "event:props:plan", "visit:source"
  name?: string;
  onChange: (value: string) => void;
}

/** An attribute of the visit, or a property by its name. */
export function AttributeField({ label, value, name, onChange }: AttributeProps) {
  const isProp = value.startsWith(propPrefix);
  return (
    <>
      <select aria-label={label} name={name} value={isProp ? propPrefix : value} onChange={(e) => onChange(e.currentTarget.value)}>
        <option value={propPrefix}>Property…</option>
        {attributes.map(([v, text]) => <option key={v} value={v}>{text}</option>)}
      </select>
      {isProp && (
        <input
          type="text" aria-label={`${label}: its name`} value={value.slice(propPrefix.length)} required maxLength={500}
          placeholder="plan"
          onInput={(e) => onChange(propPrefix + e.currentTarget.value)}
        />
      )}
    </>
  );
}

const operators = [["is", "is"], ["is_not", "is not"], ["contains", "contains"], ["contains_not", "does not contain"]] as const;
const maxConditions = 5;

/** Values in one line. What is typed stands as it was typed, also when the page is drawn anew meanwhile. */
function ValuesField({ label, values, onChange }: { label: string; values: string[]; onChange: (values: string[]) => void }) {
  const [typed, setTyped] = useState("");
  const split = (text: string): string[] => text.split(",").map((v) => v.trim());
  return (
    <input
      type="text" aria-label={label} required
      value={split(typed).join("\n") === values.join("\n") ? typed : values.join(", ")}
      onInput={(e) => {
        setTyped(e.currentTarget.value);
        onChange(split(e.currentTarget.value));
      }}
    />
  );
}

/** Conditions on what is matched: all must hold. The values of one are written with commas between. */
function Conditions({ label, values, onChange }: {
  label: string; values: Condition[]; onChange: (values: Condition[]) => void;
}) {
  const set = (i: number, change: Partial<Condition>): void => onChange(replaced(values, i, { ...values[i]!, ...change }));
  return (
    <>
      {values.map((c, i) => (
        <div key={i} class="match-line where">
          <span class="muted">where</span>
          <AttributeField label={`${label}: condition ${i + 1}`} value={c.name} onChange={(name) => set(i, { name })} />
          <select
            aria-label={`${label}: comparison ${i + 1}`} value={c.op || "is"} onChange={(e) => set(i, { op: e.currentTarget.value })}
          >
            {operators.map(([v, text]) => <option key={v} value={v}>{text}</option>)}
          </select>
          <ValuesField
            label={`${label}: values ${i + 1}, with commas between`} values={c.values} onChange={(v) => set(i, { values: v })}
          />
          <button
            type="button" class="quiet" aria-label={`${label}: remove condition ${i + 1}`} onClick={() => onChange(without(values, i))}
          >×</button>
        </div>
      ))}
      {values.length < maxConditions && (
        <button
          type="button" class="quiet where-add" aria-label={`+ where: a condition on ${label}`}
          onClick={() => onChange([...values, { name: propPrefix, op: "is", values: [""] }])}
        >
          + where
        </button>
      )}
    </>
  );
}

const kinds = [["page", "Page"], ["event", "Event"], ["any", "Anything"]] as const;

interface MatchProps {
  label: string; // such as "Step 1"
  value: Match;
  suggestions: Suggestions;
  anything?: boolean; // it may match anything
  plain?: boolean | undefined; // without conditions
  onChange: (value: Match) => void;
  children?: ComponentChildren; // buttons behind it
}

/** One page or event, under conditions. */
export function MatchField({ label, value, suggestions, anything, plain, onChange, children }: MatchProps) {
  const id = useId();
  const kind = value.page !== undefined ? "page" : value.event !== undefined || !anything ? "event" : "any";
  const text = value.page ?? value.event ?? "";
  const set = (k: string, v: string, props = value.props ?? []): void =>
    onChange({ ...(k === "page" ? { page: v } : k === "event" ? { event: v } : {}), ...(props.length > 0 ? { props } : {}) });
  return (
    <fieldset class="match">
      <legend>{label}</legend>
      <div class="match-line">
        <select aria-label={`${label}: what it is`} value={kind} onChange={(e) => set(e.currentTarget.value, text)}>
          {kinds.filter(([k]) => anything || k !== "any").map(([k, name]) => <option key={k} value={k}>{name}</option>)}
        </select>
        {kind !== "any" && (
          <input
            type="text" aria-label={`${label}: ${kind === "page" ? "path" : "name"}`} list={`${id}-list`} value={text} required
            maxLength={512} placeholder={kind === "page" ? "/pricing or /blog/*" : "Signup"} autocomplete="off"
            onInput={(e) => set(kind, e.currentTarget.value)}
          />
        )}
        <datalist id={`${id}-list`}>
          {(kind === "page" ? suggestions.pages : suggestions.events).map((name) => <option key={name} value={name} />)}
        </datalist>
        {children}
      </div>
      {!plain && <Conditions label={label} values={value.props ?? []} onChange={(props) => set(kind, text, props)} />}
    </fieldset>
  );
}

interface MatchListProps {
  label: string; // of one, such as "Step"
  values: Match[];
  min: number;
  max: number;
  suggestions: Suggestions;
  plain?: boolean;
  onChange: (values: Match[]) => void;
}

/** Several pages or events, in an order. */
export function MatchList({ label, values, min, max, suggestions, plain, onChange }: MatchListProps) {
  const name = label.toLowerCase();
  const move = (i: number, by: number): void => {
    const next = [...values];
    [next[i], next[i + by]] = [next[i + by]!, next[i]!];
    onChange(next);
  };
  return (
    <div class="match-list">
      {values.map((m, i) => (
        <MatchField
          key={i} label={`${label} ${i + 1}`} value={m} suggestions={suggestions} plain={plain}
          onChange={(v) => onChange(replaced(values, i, v))}
        >
          <button type="button" class="quiet" aria-label={`Move ${name} ${i + 1} up`} disabled={i === 0} onClick={() => move(i, -1)}>
            ↑
          </button>
          <button
            type="button" class="quiet" aria-label={`Move ${name} ${i + 1} down`} disabled={i === values.length - 1}
            onClick={() => move(i, 1)}
          >↓</button>
          <button
            type="button" class="quiet" aria-label={`Remove ${name} ${i + 1}`} disabled={values.length <= min}
            onClick={() => onChange(without(values, i))}
          >×</button>
        </MatchField>
      ))}
      <button
        type="button" class="quiet" data-add={name} disabled={values.length >= max}
        onClick={() => onChange([...values, { page: "" }])}
      >
        + Add a {name}
      </button>
    </div>
  );
}

interface FormProps {
  wrong?: string | undefined; // why it cannot be asked
  onSubmit: () => void;
  children: ComponentChildren;
}

/** A question that is asked by its button. */
export function Builder({ wrong, onSubmit, children }: FormProps) {
  return (
    <form
      class="card builder"
      onSubmit={(e) => {
        e.preventDefault();
        if (!wrong) onSubmit();
      }}
    >
      {children}
      <div class="builder-foot">
        <button type="submit" class="primary" disabled={wrong !== undefined}>Show</button>
        <p class="note" role="status">{wrong ?? ""}</p>
      </div>
    </form>
  );
}

/** Says what is missing in a list of matches, or nothing. */
export function blanks(matches: Match[]): string | undefined {
  if (matches.some(isBlank)) return "Name a page or an event in each line.";
  return incomplete(matches);
}

/** Says that a match, which may be of anything, names nothing where it should, or nothing. */
export function halfNamed(matches: Match[]): string | undefined {
  const half = matches.some((m) => (m.page ?? m.event) !== undefined && isBlank(m));
  return half ? "Name a page or an event, or choose anything." : incomplete(matches);
}

function incomplete(matches: Match[]): string | undefined {
  const conditions = matches.flatMap((m) => m.props ?? []);
  return conditions.some((c) => c.name === propPrefix) ? "Name the property of each condition." : undefined;
}
