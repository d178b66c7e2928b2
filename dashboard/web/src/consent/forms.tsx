// Pieces of the forms of the consent page.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { APIError } from "../api";

const copiedMs = 2000;

interface FieldProps {
  label: string;
  hint?: string;
  wrong?: string | undefined; // what was not taken; the field has aria-invalid then
  children: ComponentChildren; // one field
}

/** A field with its name above, and what it means below. */
export function Field({ label, hint, wrong, children }: FieldProps) {
  return (
    <label class="field">
      <span class="field-name">{label}</span>
      {children}
      {wrong && <span class="error">{wrong}</span>}
      {hint && <span class="hint">{hint}</span>}
    </label>
  );
}

interface CheckProps {
  name: string;
  label: string;
  hint?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function Check({ name, label, hint, checked, onChange }: CheckProps) {
  return (
    <label class="check">
      <input type="checkbox" name={name} checked={checked} onChange={(e) => onChange(e.currentTarget.checked)} />
      <span>
        {label}
        {hint && <span class="hint">{hint}</span>}
      </span>
    </label>
  );
}

/** Sends what a form holds, and says how it went. */
export function useSending<T>(send: () => Promise<T>, done: (answer: T) => string): {
  busy: boolean;
  submit: (e: Event) => void;
  said: { text: string; failed: boolean } | undefined;
} {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<{ text: string; failed: boolean }>();
  const submit = (e: Event): void => {
    e.preventDefault();
    setBusy(true);
    setSaid(undefined);
    send().then(
      (answer) => setSaid({ text: done(answer), failed: false }),
      (err: unknown) => setSaid({ text: err instanceof APIError ? err.message : String(err), failed: true }),
    ).finally(() => setBusy(false));
  };
  return { busy, submit, said };
}

export function Said({ said }: { said: { text: string; failed: boolean } | undefined }) {
  return <p class={said?.failed ? "error" : "done"} role="status">{said?.text}</p>;
}

/** Text that is there to be copied. */
export function Copyable({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), copiedMs);
  };
  return (
    <div class="tag">
      <pre aria-label={label}><code>{text}</code></pre>
      {"clipboard" in navigator && <button type="button" class="primary" onClick={copy}>{copied ? "Copied" : "Copy"}</button>}
    </div>
  );
}

/** What a part shows while its answer is on the way, or in its place. */
export function Pending({ error }: { error: APIError | undefined }) {
  return error
    ? <p class="refusal" role="alert">{error.message}</p>
    : <p class="muted" role="status">Loading…</p>;
}
