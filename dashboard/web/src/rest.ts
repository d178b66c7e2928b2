// How long the page leaves the server alone between two answers.

/** This many times the time that the server took for the last answer, so that watching costs it little … */
const restFactor = 50;
/** … and no longer, so that one slow answer does not stop the numbers. */
const maxRestMs = 120_000;

/** The rest after an answer that took so long, in milliseconds. */
export function restMs(tookMs: number): number {
  return Math.min(restFactor * tookMs, maxRestMs);
}
