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
  onChange: () => void; // of what the server tells of its sites
}

interface TabInfo {
  label: string;
  load: () => Promise<ComponentType<PageProps>>;
  not: Site["role"][]; // who does not see it
}

const pages: Record<Tab, TabInfo> = {
  goals: { label: "Goals", load: async () => (await import("./goals/page")).GoalsPage, not: ["viewer"] },
  people: { label: "People", load: async () => (await import("./people/page")).PeoplePage, not: [] },
  consent: { label: "Consent", load: async () => (await import("./consent/page")).ConsentPage, not: ["viewer"] },
  access: { label: "Access", load: async () => (await import("./access/page")).AccessPage, not: ["viewer", "editor"] },
};

/** The tab that the address asks for, where whoever looks at the site may see it. */
export function tabFor(site: Site | undefined, tab: Tab | undefined): Tab | undefined {
  return tab && !pages[tab].not.includes(site?.role) ? tab : undefined;
}

export function Tabs({ site, view }: Omit<PageProps, "onChange">) {
  const links: [Tab | undefined, string][] = [[undefined, "Numbers"]];
  for (const [tab, { label }] of Object.entries(pages) as [Tab, TabInfo][]) {
    if (tabFor(site, tab)) links.push([tab, label]);
  }
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
export function TabPage({ tab, ...page }: { tab: Tab } & PageProps) {
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
  return <loaded.Page {...page} />;
}
