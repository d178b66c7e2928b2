import assert from "node:assert/strict";
import { test } from "node:test";
import * as state from "./state";

test("what an address cannot mean is the default", () => {
  assert.equal(state.reportOf({ report: "journeys" }), "journeys");
  for (const report of ["", "toString", "funnel"]) assert.equal(state.reportOf({ report }), "funnels");
  assert.equal(state.reportOf(undefined), "funnels");
  for (const ask of ["", "{", "[]", "null", "7"]) assert.equal(state.rawOf({ ask }), undefined, ask);
  assert.deepEqual(state.rawOf({ ask: `{"steps":3}` }), { steps: 3 });
  for (const v of [null, 7, "x", []]) assert.deepEqual(state.matchOf(v), {});
  assert.deepEqual(state.matchOf({ event: "a", page: "/b", x: 1 }), { event: "a" });
  assert.deepEqual(state.matchOf({ page: "/b", props: [{ name: "n", values: ["v", 1] }, 3] }),
    { page: "/b", props: [{ name: "n", op: "", values: ["v", ""] }] });
  assert.equal(state.cohortOf({ rules: [] }), undefined);
  const rule = { did: { event: "a" }, at_most: 0 };
  assert.deepEqual(state.cohortOf({ rules: [rule, 1] }), { rules: [rule] });
  assert.equal(state.wholeOf(9, 1, 8, 4), 4);
  assert.equal(state.wholeOf(2.5, 1, 8, 4), 4);
  assert.equal(state.oneOf("z", ["a", "b"]), "a");
});

test("a question is as short as it can be", () => {
  const said = { e: 0, f: "x", g: { h: 1 } };
  assert.deepEqual(state.compact({ a: "", b: false, c: [], d: undefined, ...said }), said);
});

test("times are split into the largest unit and joined again", () => {
  for (const [sec, n, unit] of [[7200, 2, "hour"], [604_800, 7, "day"], [90, 90, "second"], [120, 2, "minute"]] as const) {
    assert.deepEqual(state.splitTime(sec), { n, unit });
    assert.equal(state.joinTime(n, unit), sec);
  }
});

test("brackets are read as they are written", () => {
  assert.deepEqual(state.bracketsOf("0, 1-3,7 – 13"), [[0, 0], [1, 3], [7, 13]]);
  assert.equal(state.bracketText([[0, 0], [1, 3]]), "0, 1-3");
  for (const text of ["", "a", "3-1", "1,,2", "-1"]) assert.equal(state.bracketsOf(text), undefined, text);
});
