// What is counted because the site's owner asked for it: goals, funnels and segments are declared and taken back here.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Site } from "../api";
import { Field, Pending, Said, useSending } from "../consent/forms";
import { when } from "../consent/text";
import { today as todayIn } from "../day";
import { toWire } from "../filters";
import * as fmt from "../format";
import { useAnswer, useTitle } from "../hooks";
import { follow } from "../navigate";
import { MatchList, type Suggestions, useSuggestions } from "../people/fields";
import type { Match } from "../people/wire";
import { spanOf } from "../period";
import { format, type View } from "../url";
import * as api from "./api";
import { segmentWords, wrongIn } from "./words";

interface Props {
  site: Site;
  view: View;
  onChange: () => void; // of what the site's other pages show
}

export function GoalsPage({ site, view, onChange }: Props) {
  useTitle(`Goals · ${site.site} · Turf`);
  const [changes, setChanges] = useState(0);
  const { data, error } = useAnswer(site.site, changes, (signal) => api.declared(site.site, signal));
  const suggestions = useSuggestions(site.site, spanOf({ preset: "30d" }, todayIn(site.timezone)));
  const changed = (): void => {
    setChanges((n) => n + 1);
    onChange();
  };
  const common = { site: site.site, onDone: changed };
  return (
    <main id="content" class="page consent goals">
      <h1 class="page-title">Goals</h1>
      {!data ? <Pending error={error} /> : (
        <>
          <Goals goals={data.goals} suggestions={suggestions} {...common} />
          <Funnels funnels={data.funnels} suggestions={suggestions} {...common} />
          <Segments segments={data.segments} view={view} {...common} />
        </>
      )}
    </main>
  );
}

interface CardProps {
  site: string;
  onDone: () => void;
}

interface Entry {
  id: string;
  name: string;
  what: string;
  since: string | undefined; // left out: always
}

/** What there is of a kind, and the form that adds to it. */
function Card({ site, kind, title, entries, none, onDone, children }: CardProps & {
  kind: api.Kind; title: string; entries: Entry[]; none: string; children: ComponentChildren;
}) {
  const [failed, setFailed] = useState("");
  const remove = (id: string): void => {
    setFailed("");
    api.takeBack(site, kind, id)
      .catch((err: unknown) => setFailed(err instanceof Error ? err.message : String(err)))
      .finally(onDone);
  };
  return (
    <section class="card form" aria-labelledby={kind} data-kind={kind}>
      <h2 id={kind}>{title}</h2>
      {entries.length === 0 ? <p class="muted">{none}</p> : (
        <ul class="entries">
          {entries.map((e) => (
            <li key={e.id} data-entry={e.name}>
              <span class="entry-name">
                <strong>{e.name}</strong>{e.what !== e.name && <> {e.what}</>}
                <span class="hint">{e.since === undefined ? "Counted from the first event on" : `Counted since ${when(e.since)}`}</span>
              </span>
              <button type="button" class="quiet" aria-label={`Remove ${e.name}`} onClick={() => remove(e.id)}>Remove</button>
            </li>
          ))}
        </ul>
      )}
      {failed && <p class="error" role="alert">{failed}</p>}
      {children}
    </section>
  );
}

/**
 * Sends a declaration, and says what is wrong with it at the field where it is, which is focused. `at` is what to say at a field of that
 * name; `said` is what no field shows.
 */
function useDeclaring(send: () => Promise<void>, done: () => string) {
  const { busy, submit, said } = useSending(send, done);
  const form = useRef<HTMLFormElement>(null);
  const wrong = said?.failed ? wrongIn(said.text) : undefined;
  const field = wrong && form.current?.elements.namedItem(wrong.field) ? wrong.field : "";
  useEffect(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus(), [said]);
  const at = (name: string) => (wrong && field === name ? wrong.reason : undefined);
  return { busy, form, submit, at, said: wrong ? { text: field ? "" : wrong.reason, failed: true } : said };
}

function NameField({ name, required, wrong, onChange }: {
  name: string; required?: boolean; wrong: string | undefined; onChange: (name: string) => void;
}) {
  return (
    <Field label={required ? "Name" : "Name, if another"} wrong={wrong}>
      <input
        name="name" type="text" autocomplete="off" maxLength={120} required={required} value={name} aria-invalid={wrong !== undefined}
        onInput={(e) => onChange(e.currentTarget.value)}
      />
    </Field>
  );
}

function goalWords(g: api.Goal): string {
  if (g.page_path === null) return `Event ${g.event_name}${g.currency ? `, amounts in ${g.currency}` : ""}`;
  return g.scroll_threshold > 0 ? `${g.scroll_threshold}% of ${g.page_path} seen` : `Visit ${g.page_path}`;
}

const goalKinds = { event: "A custom event", page: "The view of a page", scroll: "A page read to some depth" } as const;

function Goals({ goals, suggestions, site, onDone }: CardProps & { goals: api.Goal[]; suggestions: Suggestions }) {
  const [kind, setKind] = useState<keyof typeof goalKinds>("event");
  const [what, setWhat] = useState("");
  const [name, setName] = useState("");
  const [scroll, setScroll] = useState(50);
  const [currency, setCurrency] = useState("");
  const entries = goals.map((g) => ({ id: g.id, name: g.display_name, what: goalWords(g), since: g.counted_since }));
  const { busy, form, submit, at, said } = useDeclaring(
    () =>
      api.declare(site, "goals", {
        ...(kind === "event"
          ? { goal_type: "event", event_name: what.trim(), currency: currency.trim().toUpperCase() }
          : { goal_type: "page", page_path: what.trim(), scroll_threshold: kind === "scroll" ? scroll : -1 }),
        display_name: name.trim(),
      }),
    () => {
      setWhat("");
      setName("");
      onDone();
      return "It is a goal from the next event on.";
    },
  );
  const offered = kind === "event" ? suggestions.events : suggestions.pages;
  return (
    <Card
      site={site} kind="goals" title="Goals" entries={entries} onDone={onDone}
      none="What should visitors do? Nothing is a goal yet."
    >
      <form class="declare" ref={form} onSubmit={submit}>
        <div class="fields">
          <Field label="A goal is">
            <select name="kind" value={kind} onChange={(e) => setKind(e.currentTarget.value as keyof typeof goalKinds)}>
              {Object.entries(goalKinds).map(([id, text]) => <option key={id} value={id}>{text}</option>)}
            </select>
          </Field>
          <Field
            label={kind === "event" ? "Event" : "Page"} wrong={at("what")}
            hint={kind === "event" ? "" : "A * stands for any characters: /blog/*"}
          >
            <input
              name="what" type="text" autocomplete="off" required maxLength={512} list="goal-offered" value={what}
              aria-invalid={at("what") !== undefined}
              placeholder={kind === "event" ? "Signup" : "/thanks"} onInput={(e) => setWhat(e.currentTarget.value)}
            />
          </Field>
          {kind === "scroll" && (
            <Field label="Seen, in percent" wrong={at("scroll")}>
              <input
                name="scroll" type="number" min={1} max={100} required value={scroll} aria-invalid={at("scroll") !== undefined}
                onInput={(e) => !Number.isNaN(e.currentTarget.valueAsNumber) && setScroll(e.currentTarget.valueAsNumber)}
              />
            </Field>
          )}
          {kind === "event" && (
            <Field
              label="Currency of its amounts" wrong={at("currency")}
              hint="Where the event carries any, they are added up. Nothing is converted."
            >
              <input
                name="currency" type="text" autocomplete="off" maxLength={3} placeholder="EUR" value={currency}
                aria-invalid={at("currency") !== undefined}
                onInput={(e) => setCurrency(e.currentTarget.value)}
              />
            </Field>
          )}
          <NameField name={name} wrong={at("name")} onChange={setName} />
        </div>
        <datalist id="goal-offered">{offered.map((o) => <option key={o} value={o} />)}</datalist>
        <div class="actions"><button type="submit" class="primary" disabled={busy}>Add the goal</button></div>
        <Said said={said} />
      </form>
    </Card>
  );
}

function stepWords(s: api.Step): string {
  return s.event ?? `Visit ${s.page}`;
}

const windows: [sec: number, text: string][] = [
  [0, "On one day"], [60 * 15, "In 15 minutes"], [60 * 30, "In 30 minutes"], [3600, "In one hour"], [3600 * 4, "In four hours"],
];
const steps = { least: 2, most: 8 };
const blank: Match[] = [{ page: "" }, { event: "" }];

function Funnels({ funnels, suggestions, site, onDone }: CardProps & { funnels: api.Funnel[]; suggestions: Suggestions }) {
  const [name, setName] = useState("");
  const [values, setValues] = useState(blank);
  const [windowSec, setWindowSec] = useState(0);
  const entries = funnels.map((f) => ({
    id: f.id, name: f.name, since: f.counted_since,
    what: f.steps.map(stepWords).join(" → ") + (f.window_sec > 0 ? ` within ${fmt.duration(f.window_sec)}` : ""),
  }));
  const { busy, form, submit, at, said } = useDeclaring(
    () => api.declare(site, "funnels", { name: name.trim(), steps: values, window_sec: windowSec }),
    () => {
      setName("");
      setValues(blank);
      setWindowSec(0);
      onDone();
      return "It is counted from the next event on.";
    },
  );
  return (
    <Card
      site={site} kind="funnels" title="Funnels" entries={entries} onDone={onDone}
      none="Which way should visitors go? There is no funnel yet."
    >
      <form class="declare" ref={form} onSubmit={submit}>
        <MatchList
          label="Step" values={values} min={steps.least} max={steps.most} suggestions={suggestions} plain onChange={setValues}
        />
        <div class="fields">
          <Field label="All steps">
            <select name="window" value={windowSec} onChange={(e) => setWindowSec(Number(e.currentTarget.value))}>
              {windows.map(([sec, text]) => <option key={sec} value={sec}>{text}</option>)}
            </select>
          </Field>
          <NameField name={name} required wrong={at("name")} onChange={setName} />
        </div>
        <div class="actions"><button type="submit" class="primary" disabled={busy}>Add the funnel</button></div>
        <Said said={said} />
      </form>
    </Card>
  );
}

function Segments({ segments, view, site, onDone }: CardProps & { segments: api.Segment[]; view: View }) {
  const [name, setName] = useState("");
  const filters = toWire(view.filters);
  const entries = segments.map((s) => ({ id: s.id, name: s.name, what: segmentWords(s.filters), since: s.counted_since }));
  const { busy, form, submit, at, said } = useDeclaring(
    () => api.declare(site, "segments", { name: name.trim(), filters }),
    () => {
      setName("");
      onDone();
      return "It is counted from the next event on, and can then be chosen above the numbers.";
    },
  );
  const numbers: View = { ...view, tab: undefined, more: undefined };
  return (
    <Card
      site={site} kind="segments" title="Segments" entries={entries} onDone={onDone}
      none="A segment is a filter over as many sides of a visit as you like, counted ahead of time. There is none yet."
    >
      {filters.length === 0
        ? (
          <p class="hint">
            To add one, filter <a href={format(numbers)} onClick={follow(numbers)}>the numbers</a> by a click on a row, then come back
            here. Any combination can be declared, with and, or and not too: <code>turf segment add</code>.
          </p>
        )
        : (
          <form class="declare" ref={form} onSubmit={submit}>
            <p>The filters that are on: <strong>{segmentWords(filters)}</strong></p>
            <div class="fields"><NameField name={name} required wrong={at("name")} onChange={setName} /></div>
            <div class="actions"><button type="submit" class="primary" disabled={busy}>Add the segment</button></div>
            <Said said={said} />
          </form>
        )}
    </Card>
  );
}
