// Runs before the first paint, so that a chosen theme does not flash. Kept apart from the bundle for that reason alone.

import { themeKey } from "./theme";

try {
  const chosen = localStorage.getItem(themeKey);
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset["theme"] = chosen;
} catch {
  // Storage may be forbidden: the system's choice it is.
}
