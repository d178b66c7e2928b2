import { useEffect, useRef, useState } from "preact/hooks";
import { APIError } from "./api";

/** How long after a server that did not answer, or had no answer for now, the same is asked again, in milliseconds. */
const retryMs = 5000;

export interface Loaded<T> {
  data: T | undefined; // of the newest question that was answered; kept while the same question is asked again
  error: APIError | undefined; // of the last time it was asked; beside data: they are those of an earlier time
  loading: boolean; // the question shown has no answer yet
  at: number; // when data came, in milliseconds since 1970
}

/**
 * Asks a question when its key changes, and again when `tick` does. On a new key the old answer stays in sight (loading is
 * true) until the new one is there. Answers that come too late are dropped. While the server is away it is asked again by itself.
 */
export function useAnswer<T>(key: string, tick: number, fetcher: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<Loaded<T> & { key: string }>({
    key: "", data: undefined, error: undefined, loading: true, at: 0,
  });
  const [again, setAgain] = useState(0);
  const latest = useRef(fetcher);
  latest.current = fetcher;
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const retry = (): void => {
      if (document.hidden) timer = setTimeout(retry, retryMs);
      else setAgain((n) => n + 1);
    };
    latest.current(abort.signal).then(
      (data) => {
        if (!abort.signal.aborted) setState({ key, data, error: undefined, loading: false, at: Date.now() });
      },
      (err: unknown) => {
        if (abort.signal.aborted) return;
        const error = err instanceof APIError ? err : new APIError(0, String(err));
        // While the server is away for a moment, the last answer to the same question stays.
        setState((s) => ({ ...s, key, error, loading: false, data: s.key === key && error.status !== 400 ? s.data : undefined }));
        if (err instanceof APIError && err.isPassing) timer = setTimeout(retry, retryMs);
      },
    );
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, tick, again]);
  return state.key === key ? state : { ...state, error: undefined, loading: true };
}

/** Calls f every so many milliseconds while the page can be seen, and when it comes back into sight. */
export function useTicker(intervalMs: number, f: () => void): void {
  const latest = useRef(f);
  latest.current = f;
  useEffect(() => {
    const run = (): void => {
      if (!document.hidden) latest.current();
    };
    const timer = setInterval(run, intervalMs);
    document.addEventListener("visibilitychange", run);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", run);
    };
  }, [intervalMs]);
}

/** Follows the title of the page. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
}
