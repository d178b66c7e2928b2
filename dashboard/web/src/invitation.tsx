// The page behind the link of an invitation: a guest chooses a password. What follows # in the address stays in the browser, so
// that no server or proxy on the way writes the token down.

import { useEffect, useRef, useState } from "preact/hooks";
import { send } from "./api";
import { useTitle } from "./hooks";
import { Logo } from "./icons";

const mark = "#invitation=";

/** The token in the address, or "". */
export function invitationToken(): string {
  return location.hash.startsWith(mark) ? location.hash.slice(mark.length) : "";
}

function follow(body: { token: string; password?: string }): Promise<{ user: string }> {
  return send("POST", "/api/invitation", body) as Promise<{ user: string }>;
}

export function Invitation({ token, onDone }: { token: string; onDone: () => void }) {
  useTitle("Invitation · Turf");
  const [user, setUser] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const password = useRef<HTMLInputElement>(null);
  const done = (): void => {
    history.replaceState(null, "", "/");
    onDone();
  };

  useEffect(() => {
    follow({ token }).then(
      (answer) => setUser(answer.user),
      (err: unknown) => setError((err as Error).message),
    );
  }, [token]);
  useEffect(() => password.current?.focus(), [user]); // there from then on

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError("");
    try {
      await follow({ token, password: String(form.get("password")) });
      done();
    } catch (err) {
      setError((err as Error).message);
      setBusy(false);
    }
  };

  return (
    <main id="content" class="login">
      <form class="card login-card" onSubmit={submit}>
        <h1><Logo /> Welcome</h1>
        <p>{user ? "Choose a password. With it and this name you sign in from now on." : "You were invited to look at a site."}</p>
        {user && (
          <>
            <label>
              Name
              <input name="name" autocomplete="username" readOnly value={user} />
            </label>
            <label>
              Password
              <input
                ref={password} name="password" type="password" autocomplete="new-password" minLength={8} required
                aria-describedby="invitation-error"
              />
            </label>
          </>
        )}
        <p id="invitation-error" class="error" role="alert">{error}</p>
        {user
          ? <button type="submit" class="primary" disabled={busy}>{busy ? "Signing in…" : "Choose it and sign in"}</button>
          : <button type="button" class="primary" onClick={done}>Sign in</button>}
      </form>
    </main>
  );
}
