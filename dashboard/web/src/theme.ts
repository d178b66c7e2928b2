// Light and dark: as the system says, unless the reader chose otherwise. theme-early.ts applies the choice before the first
// paint; this file changes it.

export type Theme = "light" | "dark";

export const themeKey = "turf-theme";

export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

const listeners = new Set<() => void>();

/** Calls f after each change of the theme, by the reader or by the system; returns how to stop. */
export function onThemeChange(f: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  listeners.add(f);
  system.addEventListener("change", f);
  return () => {
    listeners.delete(f);
    system.removeEventListener("change", f);
  };
}

export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(themeKey, theme);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  for (const f of listeners) f();
}
