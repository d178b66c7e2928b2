// Who may look at a site, for those who see all sites: guests are invited and removed here.

import { useState } from "preact/hooks";
import type { Site } from "../api";
import { Copyable, Field, Pending, Said, useSending } from "../consent/forms";
import { when } from "../consent/text";
import { useAnswer, useTitle } from "../hooks";
import * as api from "./api";

const roles: Record<api.Role, string> = { viewer: "Viewer: looks", editor: "Editor: also changes the site" };

export function AccessPage({ site }: { site: Site }) {
  useTitle(`Access · ${site.site} · Turf`);
  const [changes, setChanges] = useState(0);
  const changed = (): void => setChanges((n) => n + 1);
  const { data, error } = useAnswer(site.site, changes, (signal) => api.access(site.site, signal));
  return (
    <main id="content" class="page consent access">
      <h1 class="page-title">Access</h1>
      <Invite site={site} onDone={changed} />
      {data ? <Guests site={site} guests={data.guests} onDone={changed} /> : <Pending error={error} />}
      {data && <Others access={data} />}
    </main>
  );
}

function RoleField({ role, label, onChange }: { role: api.Role; label: string; onChange: (role: api.Role) => void }) {
  return (
    <select name="role" aria-label={label} value={role} onChange={(e) => onChange(e.currentTarget.value as api.Role)}>
      {Object.entries(roles).map(([id, text]) => <option key={id} value={id}>{text}</option>)}
    </select>
  );
}

function Invite({ site, onDone }: { site: Site; onDone: () => void }) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<api.Role>("viewer");
  const [invited, setInvited] = useState<api.Guest>();
  const { busy, submit, said } = useSending(
    () => api.invite(site.site, email.trim(), role),
    (guest) => {
      setInvited(guest);
      setEmail("");
      onDone();
      if (guest.accepted) return `${guest.email} sees ${site.site} from now on.`;
      return guest.invitation_url ? `${guest.email} is invited.` : `${guest.email} is invited already. For a new link, remove the guest first.`;
    },
  );
  return (
    <form class="card form" onSubmit={submit}>
      <h2>Invite a guest</h2>
      <p class="hint">A guest sees this site and no other. Nothing is sent: pass the link on yourself.</p>
      <div class="fields">
        <Field label="Email">
          <input name="email" type="email" autocomplete="off" required value={email} onInput={(e) => setEmail(e.currentTarget.value)} />
        </Field>
        <Field label="Role"><RoleField role={role} label="Role" onChange={setRole} /></Field>
      </div>
      <div class="actions"><button type="submit" class="primary" disabled={busy}>Invite</button></div>
      <Said said={said} />
      {invited?.invitation_url && (
        <>
          <Copyable text={invited.invitation_url} label={`Link for ${invited.email}`} />
          <p class="hint">
            With this link {invited.email} chooses a password. It is shown this once, and holds until {when(invited.invitation_ends ?? "")}.
          </p>
        </>
      )}
    </form>
  );
}

function Guests({ site, guests, onDone }: { site: Site; guests: api.Guest[]; onDone: () => void }) {
  const [failed, setFailed] = useState("");
  const change = (what: Promise<unknown>): void => {
    setFailed("");
    what.catch((err: unknown) => setFailed(err instanceof Error ? err.message : String(err))).finally(onDone);
  };
  return (
    <section class="card form" aria-labelledby="guests">
      <h2 id="guests">Guests</h2>
      {guests.length === 0 ? <p class="muted">Nobody is invited to this site alone.</p> : (
        <ul class="entries">
          {guests.map((g) => (
            <li key={g.email} data-guest={g.email}>
              <span class="entry-name">{g.email}{!g.accepted && <span class="muted"> invited, no password yet</span>}</span>
              <RoleField role={g.role} label={`Role of ${g.email}`} onChange={(role) => change(api.invite(site.site, g.email, role))} />
              <button type="button" class="quiet" aria-label={`Remove ${g.email}`} onClick={() => change(api.remove(site.site, g.email))}>
                Remove
              </button>
            </li>
          ))}
        </ul>
      )}
      <p class="error" role="alert">{failed}</p>
    </section>
  );
}

/** Who sees the site beside its guests. */
function Others({ access }: { access: api.Access }) {
  return (
    <section class="card form" aria-labelledby="others">
      <h2 id="others">Everybody else with access</h2>
      <p>
        {access.users.length > 0
          ? <>These see all sites and change them: {access.users.join(", ")}.</>
          : <>Nobody has a password for all sites; whoever sits at this machine sees them.</>}{" "}
        Add one with <code>turf user add</code>, remove one with <code>turf user remove</code>.
      </p>
      {access.links.length > 0 && <p>Whoever has one of these links sees this site&apos;s numbers: {access.links.join(", ")}.</p>}
    </section>
  );
}
