import { useEffect, useRef, useState } from "preact/hooks";
import { APIError, login } from "./api";
import { useTitle } from "./hooks";
import { Logo } from "./icons";

/** The page that asks for a name and a password. */
export function Login({ onDone }: { onDone: () => void }) {
  useTitle("Sign in · Turf");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  // Not autofocus: a browser heeds that once a document, and complains where somebody signed out of this very one.
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    // What is in the fields counts, also when a password manager wrote it and no event told of it.
    const element = event.currentTarget as HTMLFormElement;
    const form = new FormData(element);
    setBusy(true);
    setError("");
    try {
      await login(String(form.get("name")), String(form.get("password")));
      onDone();
    } catch (err) {
      const refused = err instanceof APIError && err.status === 401;
      setError(refused ? "That name and password do not go together." : (err as Error).message);
      setBusy(false);
      element.querySelector<HTMLInputElement>("[name=password]")?.select();
    }
  };

  return (
    <main id="content" class="login">
      <form class="card login-card" onSubmit={submit}>
        <h1><Logo /> Sign in</h1>
        <label>
          Name
          <input ref={first} name="name" autocomplete="username" required aria-describedby="login-error" />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required aria-describedby="login-error" />
        </label>
        <p id="login-error" class="error" role="alert">{error}</p>
        <button type="submit" class="primary" disabled={busy}>{busy ? "Signing in…" : "Sign in"}</button>
      </form>
    </main>
  );
}
