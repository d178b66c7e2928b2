// Current visitors.

import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import { count } from "./format";
import { useTicker } from "./hooks";
import { Tally } from "./icons";

/** Visitors of the last five minutes, kept up to date while the page can be seen; undefined until known. */
export function useCurrent(site: string, everyMs: number): number | undefined {
  const [current, setCurrent] = useState<number | undefined>(undefined);
  // Who is here now is not known while there is no answer; the rest of the page says what is wrong.
  const look = (): void => void api.current(site).then(setCurrent, () => setCurrent(undefined));
  useEffect(look, [site]);
  useTicker(everyMs, look);
  return current;
}

export function Live({ count: n }: { count: number | undefined }) {
  return (
    <p class="live" data-current={n} title="Visitors of the last five minutes">
      <span class={n ? "dot on" : "dot"} />
      {n === undefined ? "…" : <strong>{count(n)}</strong>}
      <span class="live-label">{n === 1 ? "visitor now" : "visitors now"}</span>
      {n !== undefined && n > 0 && <Tally n={n} />}
    </p>
  );
}
