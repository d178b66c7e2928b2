import assert from "node:assert/strict";
import test from "node:test";
import { intervalOf, intervalsOf, named, type Period, spanBefore, spanOf, step } from "./period";

const now = "2026-11-24";

test("each preset: its days, the days before, and the chart's step", () => {
  const cases: [Period, string, string, string][] = [
    [{ preset: "today" }, "2026-11-24 2026-11-24", "2026-11-23 2026-11-23", "hour"],
    [{ preset: "yesterday" }, "2026-11-23 2026-11-23", "2026-11-22 2026-11-22", "hour"],
    [{ preset: "7d" }, "2026-11-18 2026-11-24", "2026-11-11 2026-11-17", "day"],
    [{ preset: "30d" }, "2026-10-26 2026-11-24", "2026-09-26 2026-10-25", "day"],
    [{ preset: "12mo" }, "2025-12-01 2026-11-24", "2024-12-01 2025-11-24", "month"],
    [{ from: "2026-01-01", to: "2026-01-10" }, "2026-01-01 2026-01-10", "2025-12-22 2025-12-31", "day"],
    [{ from: "2026-01-01", to: "2026-06-30" }, "2026-01-01 2026-06-30", "2025-07-04 2025-12-31", "month"],
  ];
  for (const [period, days, before, interval] of cases) {
    const span = spanOf(period, now);
    const name = JSON.stringify(period);
    assert.equal(`${span.from} ${span.to}`, days, name);
    const b = spanBefore(period, span);
    assert.equal(`${b.from} ${b.to}`, before, name);
    assert.equal(intervalOf(span), interval, name);
  }
});

test("a step back and forth comes home", () => {
  const back = step({ preset: "7d" }, -1, now);
  assert.deepEqual(back, { from: "2026-11-11", to: "2026-11-17" });
  assert.deepEqual(step(back!, 1, now), { preset: "7d" });
  assert.deepEqual(step({ preset: "today" }, -1, now), { preset: "yesterday" });
});

test("no step begins after today, and none ends after it", () => {
  assert.equal(step({ preset: "today" }, 1, now), undefined);
  assert.equal(step({ preset: "12mo" }, 1, now), undefined);
  assert.deepEqual(step({ from: "2026-11-15", to: "2026-11-20" }, 1, now), { from: "2026-11-21", to: now });
});

test("twelve months step by twelve months", () => {
  assert.deepEqual(step({ preset: "12mo" }, -1, now), { from: "2024-12-01", to: "2025-11-30" });
});

test("a span that is a preset gets its name", () => {
  assert.deepEqual(named({ from: "2026-11-18", to: now }, now), { preset: "7d" });
  assert.deepEqual(named({ from: "2026-11-17", to: now }, now), { from: "2026-11-17", to: now });
});

test("the steps that a chart can have, with that which it has at first", () => {
  const cases: [string, string, string][] = [
    ["2026-11-24", "2026-11-24", "hour"], ["2026-11-18", "2026-11-24", "hour day"], ["2026-11-17", "2026-11-24", "day"],
    ["2026-11-01", "2026-11-24", "day week"], ["2026-08-24", "2026-11-24", "day week month"],
    ["2024-01-01", "2026-11-24", "week month"],
  ];
  for (const [from, to, want] of cases) {
    const got = intervalsOf({ from, to });
    assert.equal(got.join(" "), want, from);
    assert.equal(got.includes(intervalOf({ from, to })), true, from);
  }
});
