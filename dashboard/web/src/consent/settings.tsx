// The settings of a site's opt-in path.

import { useState } from "preact/hooks";
import { useAnswer } from "../hooks";
import * as api from "./api";
import { Check, Field, Pending, Said, useSending } from "./forms";
import { managers } from "./managers";
import type { PartProps } from "./page";

const child = "child-directed";
const maxValidMonths = 13;
const maxProofMonths = 60;
const validMonths = 6;
const proofMonths = 24;

export function SettingsPart({ site }: PartProps) {
  const loaded = useAnswer(site.site, 0, (signal) => api.settings(site.site, signal));
  if (!loaded.data) return <Pending error={loaded.error} />;
  return <SettingsForm key={site.site} site={site.site} loaded={loaded.data} />;
}

function SettingsForm({ site, loaded }: { site: string; loaded: api.Settings }) {
  const [s, setS] = useState(loaded);
  const set = (change: Partial<api.Settings>): void => setS((was) => ({ ...was, ...change }));
  const { busy, submit, said } = useSending(() => api.saveSettings(site, s), (saved) => {
    setS(saved);
    return "Saved. The log keeps what the settings were before.";
  });
  const number = (value: string): number => Math.max(0, Math.trunc(Number(value) || 0));
  const listed = managers.some((m) => m.id === (s.manager ?? ""));
  return (
    <form class="card form" onSubmit={submit}>
      <h2>Opt-in path</h2>
      <p class="muted">
        Everybody goes on being counted without consent, whatever is set here. With the opt-in path on, those who say yes in the
        site’s consent manager are measured in more detail, and the ledger keeps the proof.
      </p>
      <Check
        name="on" label="The opt-in path is on" checked={s.on} onChange={(on) => set({ on })}
        hint="Off: nothing more is asked, granted or kept. Consents that were given stay in the ledger."
      />
      <Check
        name="child" label="The site is directed at children" checked={s.audience === child}
        onChange={(yes) => set({ audience: yes ? child : "" })} hint="Then the opt-in path is off, whatever else is set."
      />
      <Field label="Consent manager" hint="The script listens to it and to no other. Named here, a page without it grants nothing.">
        <select name="manager" value={s.manager ?? ""} onChange={(e) => set({ manager: e.currentTarget.value })}>
          {managers.map((m) => <option key={m.id} value={m.id}>{m.label}</option>)}
          {!listed && <option value={s.manager}>{s.manager}</option>}
        </select>
      </Field>
      <Check
        name="weak" label="I accept weak proof" checked={s.weak_proof ?? false} onChange={(weak_proof) => set({ weak_proof })}
        hint="Google Consent Mode is a signal without an id or a time. Without this it can only say no."
      />
      <Check
        name="gpc" label="An explicit yes counts although the browser sends Global Privacy Control" checked={s.explicit_over_gpc ?? false}
        onChange={(explicit_over_gpc) => set({ explicit_over_gpc })} hint="Left off, the signal is a no."
      />
      <div class="fields">
        <Field label="A consent holds for (months)" hint={`0 is ${validMonths}, the most is ${maxValidMonths}. Then visitors are asked again.`}>
          <input
            name="valid" type="number" min={0} max={maxValidMonths} value={s.valid_months ?? 0}
            onInput={(e) => set({ valid_months: number(e.currentTarget.value) })}
          />
        </Field>
        <Field label="The proof is kept after its end for (months)" hint={`0 is ${proofMonths}, the most is ${maxProofMonths}.`}>
          <input
            name="proof" type="number" min={0} max={maxProofMonths} value={s.proof_months ?? 0}
            onInput={(e) => set({ proof_months: number(e.currentTarget.value) })}
          />
        </Field>
        <Field label="IAB TCF: vendor id" hint="0: the publisher’s own consents.">
          <input
            name="vendor" type="number" min={0} value={s.tcf_vendor ?? 0}
            onInput={(e) => set({ tcf_vendor: number(e.currentTarget.value) })}
          />
        </Field>
      </div>
      <div class="actions">
        <button type="submit" class="primary" disabled={busy}>Save</button>
        <Said said={said} />
      </div>
    </form>
  );
}
