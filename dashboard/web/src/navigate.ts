// The address bar as state.

import { useEffect, useState } from "preact/hooks";
import { format, parse, type View } from "./url";

const listeners = new Set<() => void>();

function read(): View {
  return parse(location.pathname, location.search);
}

/** Goes to a view: a new entry in the history, unless it is where we are. */
export function go(view: View): void {
  const url = format(view);
  if (url === location.pathname + location.search) return;
  history.pushState(null, "", url);
  for (const f of listeners) f();
}

/** Puts a view in the place of the one that is open: Back goes to what was before. */
export function replace(view: View): void {
  history.replaceState(null, "", format(view));
  for (const f of listeners) f();
}

/** The view of the address, followed through clicks, Back and Forward. */
export function useView(): View {
  const [view, setView] = useState(read);
  useEffect(() => {
    const update = (): void => setView(read());
    listeners.add(update);
    addEventListener("popstate", update);
    return () => {
      listeners.delete(update);
      removeEventListener("popstate", update);
    };
  }, []);
  return view;
}

/** Makes a link change the view without loading the page; with a modifier key the browser does what it always does. */
export function follow(view: View): (event: MouseEvent) => void {
  return (event) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(view);
    scrollTo(0, 0);
  };
}
