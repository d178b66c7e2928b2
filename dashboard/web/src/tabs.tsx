// The pages of a site: its numbers, and for its owner those of the opt-in path, whose scripts are loaded when they are opened.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Site } from "./api";
import { follow } from "./navigate";
import { Notice, Waiting } from "./parts";
import { format, type Tab, type View } from "./url";

interface PageProps {
  site: Site;
  view: View;
}

const pages: Record<Tab, { label: string; load: () => Promise<ComponentType<PageProps>> }> = {
  people: { label: "People", load: async () => (await import("./people/page")).PeoplePage },
  consent: { label: "Consent", load: async () => (await import("./consent/page")).ConsentPage },
};

export function Tabs({ view }: { view: View }) {
  const links: [Tab | undefined, string][] = [[undefined, "Numbers"]];
  for (const [tab, { label }] of Object.entries(pages)) links.push([tab as Tab, label]);
  return (
    <nav class="views" aria-label="Pages of the site">
      {links.map(([tab, label]) => {
        // What a page keeps in the address is its own.
        const there: View = { ...view, tab, more: undefined };
        return (
          <a key={label} href={format(there)} aria-current={view.tab === tab ? "page" : undefined} onClick={follow(there)}>
            {label}
          </a>
        );
      })}
    </nav>
  );
}

/** The page of a tab, once its script is there. */
export function TabPage({ tab, site, view }: { tab: Tab } & PageProps) {
  const [loaded, setLoaded] = useState<{ Page: ComponentType<PageProps> } | Error>();
  useEffect(() => {
    let stale = false;
    pages[tab].load().then(
      (Page) => !stale && setLoaded({ Page }),
      (err: unknown) => !stale && setLoaded(new Error(String(err))),
    );
    return () => {
      stale = true;
    };
  }, [tab]);
  if (loaded instanceof Error) return <Notice title="This page did not load">Load the page again: the server may have a new version.</Notice>;
  if (!loaded) return <Waiting label="Loading" />;
  return <loaded.Page site={site} view={view} />;
}
