// What to paste on the site, and how to see that it works.

import { useState } from "preact/hooks";
import { useAnswer } from "../hooks";
import * as api from "./api";
import { Copyable, Field, Pending } from "./forms";
import { managers, tagOf } from "./managers";
import { goWithin, type PartProps } from "./page";

/** The script shows what it reads, and sends nothing, on a page whose address ends so. */
export const testFragment = "#turf-consent-test";

export function TagsPart({ site, view }: PartProps) {
  const settings = useAnswer(site.site, 0, (signal) => api.settings(site.site, signal));
  if (!settings.data) return <Pending error={settings.error} />;
  const chosen = view.more?.["manager"] ?? (settings.data.manager || "any");
  const manager = managers.find((m) => m.id === chosen) ?? managers[0]!;
  return (
    <>
      <section class="card form">
        <h2>The tag</h2>
        <Field label="Consent manager">
          <select
            name="manager" value={manager.id}
            onChange={(e) => goWithin(view, { part: "tags", manager: e.currentTarget.value || "any" })}
          >
            {managers.map((m) => <option key={m.id} value={m.id}>{m.label}</option>)}
          </select>
        </Field>
        <Copyable text={tagOf(manager, location.origin, site.site)} label="Script tag" />
        <p>
          Paste it {manager.where}, beside the tag that counts. Do not let the consent manager block it: it waits by itself. A yes
          is {manager.yes}.
        </p>
        <p>
          These work with any of them: <code>{"<button data-turf-withdraw>"}</code> withdraws in one click,{" "}
          <code>{"<button data-turf-me>"}</code> opens the visitor’s own page, <code>await turf.state()</code> in the browser’s
          console tells what is known now.
        </p>
        {!settings.data.on && <p class="refusal" role="note">The opt-in path of this site is off: the tag does nothing yet.</p>}
      </section>
      <LiveTest key={site.site} site={site.site} alone={manager.id === "own" || manager.id === "manual"} />
      <section class="card form">
        <h2>The visitor’s own page</h2>
        <p>
          Visitors see there what is stored about them, and withdraw, export or erase it:{" "}
          <a href={`/v1/consent/me?site=${encodeURIComponent(site.site)}`}>the page for {site.site}</a>. Link to it in your privacy
          statement with <code>{"<button data-turf-me>"}</code>, which hands over the visitor’s id inside the browser.
        </p>
      </section>
    </>
  );
}

function LiveTest({ site, alone }: { site: string; alone: boolean }) {
  const [page, setPage] = useState(`https://${site}/`);
  const url = addressOf(page);
  return (
    <section class="card form">
      <h2>Live test</h2>
      <p>
        Open a page of your site that has the tag, with <code>{testFragment}</code> at the end of its address. The script then
        shows on that page which consent managers it found and what it reads from them, each time you answer or change your answer.
        It asks the ledger for nothing and keeps nothing while it does.
      </p>
      {alone && (
        <p class="refusal" role="note">
          The script above has no other manager to find, so it leaves this test out: use <code>await turf.state()</code> in the
          browser’s console there, or the script with all managers.
        </p>
      )}
      <Field label="Page" hint="An address that begins with https:// or http://.">
        <input name="page" type="url" value={page} onInput={(e) => setPage(e.currentTarget.value)} />
      </Field>
      <div class="actions">
        {url && <a class="primary" href={url} target="_blank" rel="noopener noreferrer">Open the test</a>}
      </div>
    </section>
  );
}

/** The address of the test on a page, or undefined for what is no address of one. */
export function addressOf(page: string): string | undefined {
  try {
    const url = new URL(page);
    if (url.protocol !== "https:" && url.protocol !== "http:") return undefined;
    url.hash = testFragment;
    return url.href;
  } catch {
    return undefined;
  }
}
