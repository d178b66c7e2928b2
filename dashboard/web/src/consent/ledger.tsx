// The ledger: a receipt by its record's id, the proof that an event is in the log, the log's newest state, and the audit's export.

import { useState } from "preact/hooks";
import { today as todayIn } from "../day";
import { useAnswer } from "../hooks";
import { spanOf } from "../period";
import * as api from "./api";
import { Field, Pending } from "./forms";
import { goWithin, type PartProps } from "./page";
import { isIncluded, parseCheckpoint } from "./proof";
import { when } from "./text";

export function LedgerPart({ site, view }: PartProps) {
  const record = view.more?.["record"] ?? "";
  const event = view.more?.["prove"] ?? "";
  const [text, setText] = useState(record);
  const search = (e: Event): void => {
    e.preventDefault();
    goWithin(view, { part: "ledger", record: text.trim() });
  };
  return (
    <>
      <form class="card form" onSubmit={search} role="search">
        <h2>Receipt</h2>
        <Field label="Record" hint="The id that the receipt begins with (record_id); the visitor finds it on the page about them.">
          <input name="record" value={text} spellcheck={false} required onInput={(e) => setText(e.currentTarget.value)} />
        </Field>
        <div class="actions"><button type="submit" class="primary">Find</button></div>
        {record && <ReceiptOf key={record} view={view} record={record} />}
        {event && <Proof key={event} event={event} />}
      </form>
      <Log />
      <Audit site={site} view={view} />
    </>
  );
}

/** "dpv:ConsentGiven" → "given" */
function stateOf(dpv: string): string {
  return dpv.replace(/^dpv:(Consent|RenewedConsent)?/, "").toLowerCase();
}

function ReceiptOf({ view, record }: { view: PartProps["view"]; record: string }) {
  const { data: r, error } = useAnswer(record, 0, (signal) => api.receipt(record, signal));
  if (!r) return <Pending error={error} />;
  return (
    <div class="shown" data-record={r.record_id}>
      <h3>Consent <strong class="mark">{stateOf(r.event_state)}</strong></h3>
      <dl class="facts">
        <dt>Given</dt><dd>{when(r.event_time)}</dd>
        <dt>Valid until</dt><dd>{when(r.validity_duration)}</dd>
        <dt>Notice</dt><dd>version {r.privacy_notice.version}, in {r.language}</dd>
        <dt>How</dt><dd>{[r.collection_method.adapter, r.collection_method.ui, r.collection_method.action].filter(Boolean).join(", ")}</dd>
        <dt>Proof</dt>
        <dd>{r.proof?.scheme || "our own record"}{r.proof?.id && ` ${r.proof.id}`}{r.proof?.verified && ", checked by the server"}</dd>
        <dt>Purposes</dt>
        <dd>{r.purposes.map((p) => `${p.purpose} (version ${p.purpose_version}): ${p.consented ? "yes" : "no"}`).join("; ")}</dd>
      </dl>
      <p class="links">
        The receipt: {api.receiptForms.map((f) => (
          <a key={f.id} href={api.receiptPath(r.record_id, f.id)} target="_blank" rel="noopener noreferrer">{f.label}</a>
        ))}
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Events of the consent">
        <table class="table">
          <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Event</th></tr></thead>
          <tbody>
            {r.events.map((e) => (
              <tr key={e.event_id}>
                <td>{when(e.event_time)}</td>
                <td>{stateOf(e.event_state)}</td>
                <td>
                  <code>{e.event_id}</code>{" "}
                  <button
                    type="button" class="link" data-proof={e.event_id}
                    onClick={() => goWithin(view, { part: "ledger", record, prove: e.event_id })}
                  >
                    Prove
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

type Verdict = "included" | "not included" | "cannot be reckoned here";

function Proof({ event }: { event: string }) {
  const { data, error } = useAnswer(event, 0, async (signal) => {
    const proof = await api.proof(event, signal);
    const verdict: Verdict = await isIncluded(proof).then(
      (yes) => yes ? "included" : "not included",
      () => "cannot be reckoned here",
    );
    return { proof, verdict };
  });
  if (!data) return <Pending error={error} />;
  const { proof, verdict } = data;
  return (
    <div class="shown" data-verdict={verdict}>
      <h3>Proof of inclusion</h3>
      <p role="status">
        {verdict === "included" && <><strong class="mark">included</strong> This browser reckoned it: the leaf leads to the root that is signed.</>}
        {verdict === "not included" && <strong class="error">The path does not lead to the root that is signed.</strong>}
        {verdict === "cannot be reckoned here" && "Browsers reckon it only on pages that came over HTTPS."}
      </p>
      <dl class="facts">
        <dt>Leaf</dt><dd>number {proof.leaf_index} of {proof.tree_size}: <code>{proof.leaf}</code></dd>
        <dt>Path</dt><dd><ol class="hashes">{proof.path.map((h) => <li key={h}><code>{h}</code></li>)}</ol></dd>
        <dt>Checkpoint</dt><dd><pre>{proof.checkpoint}</pre></dd>
      </dl>
    </div>
  );
}

function Log() {
  const { data, error } = useAnswer("checkpoint", 0, (signal) => api.checkpoint(signal));
  const checkpoint = data && parseCheckpoint(data);
  return (
    <section class="card form">
      <h2>The log</h2>
      <p class="muted">
        Every event of the ledger is a leaf of one append-only tree. A checkpoint names its size and root and is signed: whoever
        keeps one can prove later that nothing before it was changed. Keep one from time to time. Without the server and without
        any secret, <code>turf consent verify</code> checks all of it.
      </p>
      {checkpoint
        ? (
          <>
            <p>{checkpoint.size} leaves, signed by {checkpoint.signers.join(", ")}.</p>
            <pre class="note" aria-label="Checkpoint">{data}</pre>
          </>
        )
        : error?.status === 404
        ? <p>There is no checkpoint yet: one is made within a minute after the first event.</p>
        : <Pending error={error} />}
    </section>
  );
}

function Audit({ site, view }: PartProps) {
  const span = spanOf(view.period, todayIn(site.timezone));
  const [from, setFrom] = useState(span.from);
  const [to, setTo] = useState(span.to);
  return (
    <section class="card form">
      <h2>Audit export</h2>
      <p class="muted">
        One zip: the events of these days (UTC) whose payloads are there, all notices and purposes, checkpoints and proofs, and how
        to check them offline.
      </p>
      <div class="fields">
        <Field label="From"><input name="from" type="date" required value={from} onInput={(e) => setFrom(e.currentTarget.value)} /></Field>
        <Field label="To"><input name="to" type="date" required value={to} onInput={(e) => setTo(e.currentTarget.value)} /></Field>
      </div>
      <div class="actions">
        {from && to && from <= to
          ? <a class="primary" href={api.auditPath(site.site, { from, to })} download>Download</a>
          : <p class="error" role="status">The last day must not be before the first.</p>}
      </div>
    </section>
  );
}
