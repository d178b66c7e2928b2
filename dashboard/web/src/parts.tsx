// Small pieces that several pages share.

import type { ComponentChildren } from "preact";
import { useEffect, useErrorBoundary, useRef } from "preact/hooks";
import type { Answer, Warning } from "./api";
import { inWords } from "./filters";
import { useTitle } from "./hooks";
import { Close } from "./icons";
import { warningHelp } from "./metrics";

/** The page while there is nothing to show yet: a tally is being made. */
export function Waiting({ label }: { label: string }) {
  return (
    <main id="content" class="waiting" aria-busy="true">
      <svg viewBox="0 0 44 32" width="66" height="48" aria-hidden="true">
        <path d="M6 27V5" /><path d="M15 27V5" /><path d="M24 27V5" /><path d="M33 27V5" /><path d="M1 21L39 9" />
      </svg>
      <p role="status">{label}…</p>
    </main>
  );
}

/** A page that says one thing. */
export function Notice({ title, children }: { title: string; children: ComponentChildren }) {
  useTitle(`${title} · Turf`);
  return (
    <main id="content" class="notice">
      <h1>{title}</h1>
      <p>{children}</p>
    </main>
  );
}

/** Says so in the place of what could not be drawn, and leaves the rest of the page as it is. */
export function Guard({ children }: { children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary();
  if (!error) return <>{children}</>;
  return (
    <div class="refusal" role="alert">
      <p class="refusal-title">This cannot be shown</p>
      <p>{error instanceof Error ? error.message : String(error)}</p>
      <button type="button" class="link" onClick={reset}>Try again</button>
    </div>
  );
}

/** Why a panel has no numbers, in the server's words. */
export function Refusal({ reason, status }: { reason: string; status: number }) {
  return (
    <div class="refusal" role="note">
      <p class="refusal-title">{status === 400 ? "Not counted in this combination" : "No answer"}</p>
      <p>{inWords(reason)}</p>
    </div>
  );
}

/** What there is to know of the numbers above. */
export function Notes({ warning, answer }: { warning: Warning | undefined; answer: { missing?: string | undefined } | undefined }) {
  const help = warning && !(answer?.missing && warning === "not_imported") && warningHelp[warning];
  return (
    <>
      {help && <p class="note">{help}</p>}
      {answer?.missing && <p class="note missing">{answer.missing}</p>}
    </>
  );
}

/** What stands in the place of rows where there are none: of what is not known, it is not said that there is nothing. */
export function NoRows({ what, answer }: { what: string; answer: Pick<Answer, "missing" | "partial" | "unknown"> }) {
  return (
    <>
      {!answer.unknown && <p class="none">No {what} in {answer.partial ? "the other" : "these"} days</p>}
      <Notes warning={undefined} answer={answer} />
    </>
  );
}

interface DialogProps {
  title: string;
  class?: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A modal window: the browser's own, which keeps the focus inside and closes on Escape. */
export function Dialog({ title, class: name = "", onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog
      ref={ref}
      class={`dialog ${name}`}
      aria-label={title}
      onClose={onClose}
      onClick={(e) => {
        if (e.target === ref.current) onClose();
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2>{title}</h2>
          <button type="button" class="round" onClick={onClose} aria-label="Close"><Close /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

const address = /(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)])/;

/** A text of the server, its addresses as links. */
export function Linked({ text }: { text: string }) {
  return (
    <>
      {text.split(address).map((part, i) =>
        i % 2 === 1 ? <a key={i} href={part} rel="noopener noreferrer" target="_blank">{part.replace(/^https?:\/\//, "")}</a> : part)}
    </>
  );
}

export function Footer({ timezone }: { timezone: string | undefined }) {
  const licences = document.querySelector<HTMLLinkElement>('link[rel="license"]')?.href;
  return (
    <footer class="footer">
      <p>
        Counted by Turf without cookies, addresses or ids. {timezone && <>Days are those of {timezone.replaceAll("_", " ")}. </>}
        {licences && <a href={licences}>Licences</a>}
      </p>
    </footer>
  );
}
