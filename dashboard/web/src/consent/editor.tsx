// Writes a new version of a notice.

import { useState } from "preact/hooks";
import { follow } from "../navigate";
import { format, type View } from "../url";
import * as api from "./api";
import { languages, newest, textIn, withPurpose } from "./draft";
import { Check, Field, Said, useSending } from "./forms";
import { Preview } from "./preview";

interface Props {
  site: string;
  draft: api.Draft;
  first: boolean;
  purposes: api.Purpose[];
  back: View;
  onAdded: (n: api.Notice) => void;
}

export function Editor({ site, draft, first, purposes, back, onAdded }: Props) {
  const [d, setD] = useState(draft);
  const [lang, setLang] = useState(draft.default_lang);
  const set = (change: Partial<api.Draft>): void => setD((was) => ({ ...was, ...change }));
  const { busy, submit, said } = useSending(() => api.addNotice(site, d), (n) => {
    onAdded(n);
    return `Added: version ${n.version}.`;
  });
  const text = d.lang[lang] ?? textIn(lang, d.purposes);
  const setText = (change: Partial<api.Text>): void => set({ lang: { ...d.lang, [lang]: { ...text, ...change } } });
  return (
    <form class="card form editor" onSubmit={submit}>
      <h2>{first ? "The first notice" : "A new version of the notice"}</h2>
      <fieldset>
        <legend>Purposes</legend>
        {newest(purposes).map((at) => (
          <Check key={at} name={at} label={at} checked={d.purposes.includes(at)} onChange={(yes) => setD(withPurpose(d, at, yes))} />
        ))}
      </fieldset>
      <Languages draft={d} lang={lang} onLang={setLang} onChange={set} />
      <fieldset>
        <legend>Texts in {lang}</legend>
        <Line label="Title" name="title" value={text.title} onInput={(title) => setText({ title })} />
        <Field label="What it says">
          <textarea name="body" required rows={5} value={text.body} onInput={(e) => setText({ body: e.currentTarget.value })} />
        </Field>
        {d.purposes.map((at) => {
          const id = at.split("@")[0]!;
          return (
            <Line
              key={id} label={`Purpose ${id}`} name={`purpose-${id}`} value={text.purposes[id] ?? ""}
              onInput={(v) => setText({ purposes: { ...text.purposes, [id]: v } })}
            />
          );
        })}
        <div class="fields">
          <Line label="Accept" name="accept" value={text.accept} onInput={(accept) => setText({ accept })} />
          <Line label="Reject" name="reject" value={text.reject} onInput={(reject) => setText({ reject })} />
          <Line label="Save" name="save" value={text.save} onInput={(save) => setText({ save })} />
          <Line label="The link that stays" name="privacy" value={text.privacy} onInput={(privacy) => setText({ privacy })} />
        </div>
      </fieldset>
      <Preview draft={d} lang={lang} onLang={setLang} />
      <Parties draft={d} onChange={set} />
      <Check
        name="material" label="Material: what is done with the data changes" checked={d.material} onChange={(material) => set({ material })}
        hint="Consents to older versions end when it begins to hold, and visitors are asked again."
      />
      <Field label="Holds from (UTC)" hint="Left empty: from now on.">
        <input
          name="from" type="datetime-local" value={d.valid_from?.slice(0, 16) ?? ""}
          onInput={(e) => setD(from(d, e.currentTarget.value))}
        />
      </Field>
      <div class="actions">
        <button type="submit" class="primary" disabled={busy}>Add for good</button>
        <a class="quiet" href={format(back)} onClick={follow(back)}>Back</a>
        <Said said={said} />
      </div>
    </form>
  );
}

/** The draft with another beginning, or with none. */
function from(d: api.Draft, local: string): api.Draft {
  const { valid_from: _, ...rest } = d;
  return local === "" ? rest : { ...rest, valid_from: `${local}:00Z` };
}

interface LanguagesProps {
  draft: api.Draft;
  lang: string;
  onLang: (lang: string) => void;
  onChange: (change: Partial<api.Draft>) => void;
}

function Languages({ draft, lang, onLang, onChange }: LanguagesProps) {
  const [other, setOther] = useState("");
  const add = (l: string): void => {
    onChange({ lang: { ...draft.lang, [l]: textIn(l, draft.purposes) } });
    onLang(l);
    setOther("");
  };
  const remove = (): void => {
    const { [lang]: _, ...rest } = draft.lang;
    onChange({ lang: rest });
    onLang(draft.default_lang);
  };
  return (
    <fieldset>
      <legend>Languages</legend>
      <div class="langs">
        {Object.keys(draft.lang).map((l) => (
          <button key={l} type="button" class="choice" aria-pressed={l === lang} onClick={() => onLang(l)}>{l}</button>
        ))}
        {languages.filter((l) => !draft.lang[l]).map((l) => (
          <button key={l} type="button" class="choice add" onClick={() => add(l)}>add {l}</button>
        ))}
      </div>
      <div class="fields">
        <Field label="Another language" hint="A tag such as es or pt-BR.">
          <input name="other" value={other} onInput={(e) => setOther(e.currentTarget.value.trim())} />
        </Field>
        <Field label="Shown where a visitor’s own is missing">
          <select name="default" value={draft.default_lang} onChange={(e) => onChange({ default_lang: e.currentTarget.value })}>
            {Object.keys(draft.lang).map((l) => <option key={l} value={l}>{l}</option>)}
          </select>
        </Field>
      </div>
      <div class="actions">
        <button type="button" class="quiet" disabled={other === "" || !!draft.lang[other]} onClick={() => add(other)}>Add {other}</button>
        {lang !== draft.default_lang && <button type="button" class="quiet" onClick={remove}>Remove {lang}</button>}
      </div>
    </fieldset>
  );
}

interface LineProps {
  label: string;
  name: string;
  value: string;
  hint?: string;
  optional?: boolean;
  onInput: (value: string) => void;
}

function Line({ label, name, value, hint, optional, onInput }: LineProps) {
  return (
    <Field label={label} {...(hint ? { hint } : {})}>
      <input name={name} required={!optional} value={value} onInput={(e) => onInput(e.currentTarget.value)} />
    </Field>
  );
}

function Parties({ draft, onChange }: { draft: api.Draft; onChange: (change: Partial<api.Draft>) => void }) {
  const controller = (change: Partial<api.Party>): void => onChange({ controller: { ...draft.controller, ...change } });
  const filled = (text: string): string[] => text.split(",").map((w) => w.trim()).filter(Boolean);
  const [stored, setStored] = useState(draft.storage_locations.join(", "));
  const [processors, setProcessors] = useState(draft.processors?.map((p) => p.name).join(", ") ?? "");
  return (
    <fieldset>
      <legend>Who is responsible</legend>
      <div class="fields">
        <Line label="Controller" name="controller" value={draft.controller.name} onInput={(name) => controller({ name })} />
        <Line label="Contact" name="contact" value={draft.controller.contact ?? ""} onInput={(contact) => controller({ contact })} />
        <Line label="Address" name="address" optional value={draft.controller.address ?? ""} onInput={(address) => controller({ address })} />
        <Line label="Data protection officer" name="dpo" optional value={draft.controller.dpo ?? ""} onInput={(dpo) => controller({ dpo })} />
        <Line
          label="Processors" name="processors" optional hint="With commas between." value={processors}
          onInput={(v) => {
            setProcessors(v);
            onChange({ processors: filled(v).map((name) => ({ name })) });
          }}
        />
        <Line
          label="Stored in" name="stored" hint="With commas between." value={stored}
          onInput={(v) => {
            setStored(v);
            onChange({ storage_locations: filled(v) });
          }}
        />
        <Line label="Jurisdiction" name="jurisdiction" value={draft.jurisdiction} onInput={(jurisdiction) => onChange({ jurisdiction })} />
        <Line
          label="How to withdraw" name="withdrawal" value={draft.withdrawal_method}
          onInput={(withdrawal_method) => onChange({ withdrawal_method })}
        />
        <Line label="Page about rights" name="rights" optional value={draft.rights_url} onInput={(rights_url) => onChange({ rights_url })} />
        <Line label="Authority" name="authority" optional value={draft.authority} onInput={(authority) => onChange({ authority })} />
      </div>
    </fieldset>
  );
}
