import assert from "node:assert/strict";
import test from "node:test";
import { alone, type Bucket, fill, touches } from "./buckets";

const noon = new Date("2026-11-24T12:20:00Z");

test("empty days come back as nothing, rates as unknown", () => {
  const rows = [{ label: "2026-11-23", values: [5, 40] }];
  const got = fill(rows, { from: "2026-11-22", to: "2026-11-24" }, "day", "UTC", [0, null], noon);
  assert.deepEqual(got, [
    { label: "2026-11-22", values: [0, null], state: "past" },
    { label: "2026-11-23", values: [5, 40], state: "past" },
    { label: "2026-11-24", values: [0, null], state: "running" },
  ]);
});

test("hours to come have no value, the running one is marked", () => {
  const got = fill([], { from: "2026-11-24", to: "2026-11-24" }, "hour", "Europe/Amsterdam", [0], noon);
  assert.equal(got.length, 24);
  assert.deepEqual(got.map((b) => b.state).filter((s) => s === "running").length, 1);
  assert.deepEqual(got[13], { label: "2026-11-24 13:00:00", values: [0], state: "running" });
  assert.deepEqual(got[14], { label: "2026-11-24 14:00:00", values: [null], state: "future" });
});

test("the hour that comes twice is two buckets, in order, and nothing is lost", () => {
  const rows = ["01", "02", "02", "03"].map((h, i) => ({ label: `2026-10-25 ${h}:00:00`, values: [i + 1] }));
  const got = fill(rows, { from: "2026-10-25", to: "2026-10-25" }, "hour", "Europe/Amsterdam", [0], noon);
  assert.equal(got.length, 25);
  assert.deepEqual(got.slice(1, 5).map((b) => b.values[0]), [1, 2, 3, 4]);
});

test("a month may be labelled with the first day that was asked for", () => {
  const rows = [{ label: "2026-01-15", values: [3] }, { label: "2026-02-01", values: [4] }];
  const got = fill(rows, { from: "2026-01-15", to: "2026-03-02" }, "month", "UTC", [0], noon);
  assert.deepEqual(got.map((b) => [b.label, b.values[0]]), [["2026-01-01", 3], ["2026-02-01", 4], ["2026-03-01", 0]]);
});

test("weeks begin on Mondays, and the first and the last have the days that are in the span", () => {
  const rows = [{ label: "2026-11-05", values: [3] }, { label: "2026-11-16", values: [4] }];
  const got = fill(rows, { from: "2026-11-05", to: "2026-11-25" }, "week", "UTC", [0], noon);
  assert.deepEqual(got, [
    { label: "2026-11-05", values: [3], until: "2026-11-08", state: "past" },
    { label: "2026-11-09", values: [0], until: "2026-11-15", state: "past" },
    { label: "2026-11-16", values: [4], until: "2026-11-22", state: "past" },
    { label: "2026-11-23", values: [0], until: "2026-11-25", state: "running" },
  ]);
  assert.equal(fill([], { from: "2026-11-02", to: "2026-11-11" }, "week", "UTC", [0], noon).every((b) => b.state === "past"), true);
});

test("hours of several days, in a zone whose clock goes back between them", () => {
  const got = fill([], { from: "2026-10-24", to: "2026-10-26" }, "hour", "Europe/Amsterdam", [0], noon);
  assert.equal(got.length, 72); // the 25th hour of that day comes with the second row of its label
  assert.equal(got[24]!.label, "2026-10-25 00:00:00");
});

test("values between gaps are alone", () => {
  const table: [(number | null)[], number[]][] = [
    [[], []], [[null], []], [[0], [0]], [[1, 2], []], [[1, null, 2], [0, 2]], [[1, 2, null, 0, null, 3, 4], [3]], [[null, 5], [1]],
  ];
  for (const [values, want] of table) assert.deepEqual(alone(values), want);
});

test("the days of a bucket", () => {
  const table: [Partial<Bucket>, Parameters<typeof touches>[1], [string, string], boolean][] = [
    [{ label: "2026-03-02 23:00:00" }, "hour", ["2026-03-02", "2026-03-02"], true],
    [{ label: "2026-03-02 23:00:00" }, "hour", ["2026-03-03", "2026-03-09"], false],
    [{ label: "2026-03-02" }, "day", ["2026-02-01", "2026-03-02"], true],
    [{ label: "2026-03-02" }, "day", ["2026-02-01", "2026-03-01"], false],
    [{ label: "2026-03-02", until: "2026-03-08" }, "week", ["2026-03-08", "2026-03-09"], true],
    [{ label: "2026-03-02", until: "2026-03-04" }, "week", ["2026-03-05", "2026-03-09"], false],
    [{ label: "2026-02-01" }, "month", ["2026-02-28", "2026-02-28"], true],
    [{ label: "2026-02-01" }, "month", ["2026-03-01", "2026-03-01"], false],
  ];
  for (const [b, interval, days, want] of table) {
    assert.equal(touches(b as Bucket, interval, [["2020-01-01", "2020-01-02"], days]), want, JSON.stringify([b, days]));
  }
});
