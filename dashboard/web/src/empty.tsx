// What a site shows before its first visit, in days without one, and while the server is away.

import { useState } from "preact/hooks";
import type { Day } from "./day";
import { daysBetween } from "./day";
import * as fmt from "./format";
import { go } from "./navigate";
import type { Span } from "./period";
import type { View } from "./url";

const copiedMs = 2000;

export function GettingStarted({ site }: { site: string }) {
  const tag = `<script defer src="${location.origin}/js/turf.js" data-domain="${site}"></script>`;
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(tag);
    setCopied(true);
    setTimeout(() => setCopied(false), copiedMs);
  };
  return (
    <main id="content" class="page">
      <section class="card start">
        <h1>{site} is ready to count</h1>
        <p>Put this line into the <code>&lt;head&gt;</code> of every page. It sets no cookie and needs no consent banner.</p>
        <div class="tag">
          <pre aria-label="Script tag"><code>{tag}</code></pre>
          {"clipboard" in navigator && (
            <button type="button" class="primary" onClick={copy}>{copied ? "Copied" : "Copy"}</button>
          )}
        </div>
        <p>Or count what has already happened, from your web server's log:</p>
        <div class="tag">
          <pre aria-label="Command"><code>turf import log --site {site} access.log.gz</code></pre>
        </div>
        <p class="first" role="status"><span class="dot on" /> Waiting for the first visit…</p>
      </section>
    </main>
  );
}

/** Says that the numbers on the page are those of an earlier time. */
export function OutOfDate({ at, reason }: { at: number; reason: string }) {
  return (
    <p class="nothing card out-of-date" role="alert">
      <strong>These are the numbers of {fmt.clock(at)}.</strong> {reason}
    </p>
  );
}

/** Longest span, in days, that is offered in one piece; of older data the last month is. */
const maxOfferedDays = 366;

export function NothingHere({ view, days }: { view: View; days: Span }) {
  const from: Day = daysBetween(days.from, days.to) > maxOfferedDays ? `${days.to.slice(0, 7)}-01` : days.from;
  return (
    <p class="nothing card" role="status">
      Nothing was counted in these days.{" "}
      <button type="button" class="link" onClick={() => go({ ...view, period: { from, to: days.to } })}>
        Show {fmt.span({ from, to: days.to })}
      </button>
    </p>
  );
}
