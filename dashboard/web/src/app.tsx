// Who is looking at what: signs in where needed, fetches the sites, and picks the page.

import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import type { Combination } from "./combine";
import { Header } from "./header";
import { Footer, Guard, Notice, Waiting } from "./parts";
import { Invitation, invitationToken } from "./invitation";
import { Login } from "./login";
import { replace, useView } from "./navigate";
import { SitePage } from "./site";
import { SiteList } from "./sites";
import { tabFor, TabPage, Tabs } from "./tabs";

type Session =
  | { state: "asking" }
  | { state: "failed"; reason: string }
  | { state: "signed out" }
  | { state: "in"; me: api.Me; sites: api.Site[]; combinations: Combination[] };

const retryMs = 3000;

export function App() {
  const view = useView();
  const [session, setSession] = useState<Session>({ state: "asking" });
  const [attempt, setAttempt] = useState(0);
  const [invitation, setInvitation] = useState(invitationToken);
  const retry = (): void => setAttempt((n) => n + 1);

  useEffect(() => api.whenSignedOut(() => setSession({ state: "signed out" })), []);
  useEffect(() => {
    const follow = (): void => setInvitation(invitationToken());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => {
    let stale = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    (async () => {
      const me = await api.me();
      const [sites, combinations] = await Promise.all([api.sites(), api.combinations()]);
      if (!stale) setSession({ state: "in", me, sites, combinations });
    })().catch((err: unknown) => {
      if (stale || (err instanceof api.APIError && err.status === 401)) return;
      setSession({ state: "failed", reason: err instanceof Error ? err.message : String(err) });
      timer = setTimeout(retry, retryMs);
    });
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [attempt]);

  // A site that was renamed is found by its old address.
  const there = session.state === "in" && session.sites.some((s) => s.site === view.site);
  const renamed = session.state === "in" && !there ? session.sites.find((s) => s.former_names?.includes(view.site)) : undefined;
  useEffect(() => {
    if (renamed) replace({ ...view, site: renamed.site });
  }, [renamed]);

  if (invitation) {
    return (
      <Invitation
        token={invitation}
        onDone={() => {
          setInvitation("");
          setSession({ state: "asking" });
          retry();
        }}
      />
    );
  }
  if (session.state === "signed out") return <Login onDone={retry} />;
  if (session.state === "asking") return <Waiting label="Loading" />;
  if (session.state === "failed") return <Notice title="Not there yet">{session.reason}</Notice>;

  const signOut = async (): Promise<void> => {
    await api.logout();
    setSession({ state: "signed out" });
  };
  const site = session.sites.find((s) => s.site === view.site);
  // Whoever came by a link sees the numbers and nothing else.
  const tab = session.me.shared ? undefined : tabFor(site, view.tab);
  return (
    <>
      <a class="skip" href="#content">Skip to the numbers</a>
      <Header view={view} sites={session.sites} me={session.me} onSignOut={signOut} />
      {site && !session.me.shared && <Tabs site={site} view={view} />}
      {view.site === ""
        ? <SiteList sites={session.sites} guest={session.me.guest} />
        : site
        ? <Guard key={`${site.site} ${tab}`}>
            {tab
              ? <TabPage tab={tab} site={site} view={view} onChange={retry} />
              : <SitePage site={site} view={view} placeNote={session.me.place_note} combinations={session.combinations} />}
          </Guard>
        : <Notice title={`No site ${view.site} here`}>
            {session.me.shared
              ? "The link that you came by is to another site: choose it above."
              : session.me.guest
              ? "You were not invited to this site: choose one above, or ask whoever sees all of them."
              : <>Add it with <code>turf site add {view.site}</code>, or choose another one above.</>}
          </Notice>}
      <Footer timezone={site?.timezone} />
    </>
  );
}
