// Notices and purposes: what there is, and new versions of it. What was added never changes.

import { useState } from "preact/hooks";
import { useAnswer } from "../hooks";
import { follow } from "../navigate";
import { format } from "../url";
import * as api from "./api";
import { draftOf } from "./draft";
import { Editor } from "./editor";
import { Field, Pending, Said, useSending } from "./forms";
import { type PartProps, goWithin, within } from "./page";
import { Preview } from "./preview";
import { when } from "./text";

const purposeIDs = ["events", "journeys", "heatmap", "account_link"];

export function NoticesPart({ site, view }: PartProps) {
  const [tick, setTick] = useState(0);
  const loaded = useAnswer(site.site, tick, async (signal) => {
    const [notices, purposes] = await Promise.all([api.notices(site.site, signal), api.purposes(site.site, signal)]);
    return { notices, purposes };
  });
  if (!loaded.data) return <Pending error={loaded.error} />;
  const { notices, purposes } = loaded.data;
  const again = (): void => setTick((n) => n + 1);
  if (view.more?.["new"] === "notice" && purposes.length > 0) {
    return (
      <Editor
        site={site.site} draft={draftOf(notices.at(-1), purposes)} first={notices.length === 0} purposes={purposes}
        back={within(view, { part: "notices" })}
        onAdded={(n) => {
          again();
          goWithin(view, { part: "notices", notice: String(n.version) });
        }}
      />
    );
  }
  const editor = within(view, { part: "notices", new: "notice" });
  return (
    <>
      <section class="card form">
        <h2>Notices</h2>
        <p class="muted">
          A notice is what visitors are shown before they choose. It never changes: a correction is a new version. A material
          one, for a change of what is done with the data, ends the consents to older versions; any other leaves them as they are.
        </p>
        {notices.length === 0
          ? <p>There is none yet, so nobody is asked.</p>
          : <History notices={notices} view={view} />}
        {purposes.length === 0
          ? <p>Register a purpose below first.</p>
          : <div class="actions"><a class="primary" href={format(editor)} onClick={follow(editor)}>Write version {notices.length + 1}</a></div>}
      </section>
      <Purposes site={site.site} purposes={purposes} onAdded={again} />
    </>
  );
}

function History({ notices, view }: { notices: api.Notice[]; view: PartProps["view"] }) {
  const now = new Date().toISOString();
  const current = notices.findLast((n) => n.valid_from <= now && (!n.valid_to || n.valid_to > now));
  const open = view.more?.["notice"];
  return (
    <ol class="history">
      {notices.toReversed().map((n) => {
        const isOpen = open === String(n.version);
        const there = within(view, isOpen ? { part: "notices" } : { part: "notices", notice: String(n.version) });
        return (
          <li key={n.notice_id} data-notice={n.version}>
            <h3>
              <a href={format(there)} aria-expanded={isOpen} onClick={follow(there)}>Version {n.version}</a>{" "}
              {n === current && <strong class="mark">shown now</strong>} {n.material && <span class="mark">material</span>}
            </h3>
            <p class="muted">From {when(n.valid_from)}{n.valid_to && `, until ${when(n.valid_to)}`}. {n.purposes.join(", ")}.</p>
            {isOpen && <NoticeText notice={n} />}
          </li>
        );
      })}
    </ol>
  );
}

function NoticeText({ notice }: { notice: api.Notice }) {
  const [lang, setLang] = useState(notice.default_lang);
  return (
    <div class="shown">
      <p class="code-line"><code>{notice.notice_id}</code></p>
      <dl class="facts">
        <dt>Controller</dt><dd>{[notice.controller.name, notice.controller.address, notice.controller.contact].filter(Boolean).join(", ")}</dd>
        <dt>Processors</dt><dd>{notice.processors?.map((p) => p.name).join(", ") || "none"}</dd>
        <dt>Stored in</dt><dd>{notice.storage_locations.join(", ")}</dd>
        <dt>Jurisdiction</dt><dd>{notice.jurisdiction}</dd>
        <dt>How to withdraw</dt><dd>{notice.withdrawal_method}</dd>
        <dt>Rights</dt><dd>{notice.rights_url || "not said"}</dd>
        <dt>Authority</dt><dd>{notice.authority || "not said"}</dd>
      </dl>
      <Preview draft={notice} lang={lang} onLang={setLang} />
    </div>
  );
}

interface PurposesProps {
  site: string;
  purposes: api.Purpose[];
  onAdded: () => void;
}

function Purposes({ site, purposes, onAdded }: PurposesProps) {
  const [id, setID] = useState("events");
  const [data, setData] = useState("pages viewed, events, source, device");
  const [days, setDays] = useState(396);
  const { busy, submit, said } = useSending(
    () => api.addPurpose(site, { id, data: data.split(",").map((d) => d.trim()).filter(Boolean), retention_days: days }),
    (p) => {
      onAdded();
      return `Registered: ${p.id}, version ${p.version}.`;
    },
  );
  return (
    <form class="card form" onSubmit={submit}>
      <h2>Purposes</h2>
      {purposes.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Registered purposes">
          <table class="table">
            <thead><tr><th scope="col">Purpose</th><th scope="col">Data</th><th scope="col" class="right">Kept, days</th></tr></thead>
            <tbody>
              {purposes.map((p) => (
                <tr key={`${p.id}@${p.version}`}>
                  <th scope="row">{p.id}, version {p.version}</th><td>{p.data.join(", ")}</td><td class="right">{p.retention_days}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <h3>Register a version</h3>
      <div class="fields">
        <Field label="Purpose">
          <select name="purpose" value={id} onChange={(e) => setID(e.currentTarget.value)}>
            {purposeIDs.map((p) => <option key={p} value={p}>{p}</option>)}
          </select>
        </Field>
        <Field label="Data" hint="Categories, with commas between.">
          <input name="data" required value={data} onInput={(e) => setData(e.currentTarget.value)} />
        </Field>
        <Field label="Kept for (days)">
          <input name="days" type="number" min={1} required value={days} onInput={(e) => setDays(Number(e.currentTarget.value))} />
        </Field>
      </div>
      <div class="actions">
        <button type="submit" class="primary" disabled={busy}>Register</button>
        <Said said={said} />
      </div>
    </form>
  );
}
