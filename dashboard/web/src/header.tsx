// The bar at the top: logo, site switcher, theme, sign out.

import { useEffect, useState } from "preact/hooks";
import type { Me, Site } from "./api";
import { Logo, Moon, Sun } from "./icons";
import { follow, go } from "./navigate";
import { chooseTheme, currentTheme, onThemeChange } from "./theme";
import { type View } from "./url";

interface Props {
  view: View;
  sites: Site[];
  me: Me;
  onSignOut: () => void;
}

export function Header({ view, sites, me, onSignOut }: Props) {
  const known = sites.some((s) => s.site === view.site);
  const home: View = { ...view, site: "", filters: [] };
  return (
    <header class="bar">
      <a class="brand" href="/" onClick={follow(home)} aria-label="Turf, all sites">
        <Logo />
        <span class="brand-name">turf</span>
      </a>
      {view.site !== "" && sites.length > 0 && (
        <label class="switcher">
          <span class="hidden">Site</span>
          <select
            value={known ? view.site : ""}
            onChange={(e) => go({ ...view, site: e.currentTarget.value, filters: [], more: undefined })}
          >
            {!known && <option value="">Choose a site</option>}
            {sites.map((s) => <option key={s.site} value={s.site}>{s.site}</option>)}
          </select>
        </label>
      )}
      <span class="spring" />
      <ThemeButton />
      {me.user && <button type="button" class="quiet" onClick={onSignOut} title={me.user}>Sign out</button>}
    </header>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(currentTheme);
  useEffect(() => onThemeChange(() => setTheme(currentTheme())), []);
  const next = theme === "dark" ? "light" : "dark";
  return (
    <button type="button" class="round" onClick={() => chooseTheme(next)} aria-label={`Use ${next} colours`}>
      {theme === "dark" ? <Sun /> : <Moon />}
    </button>
  );
}
