import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "./sankey";

const nodes = [
  { step: 0, name: "/", count: 10, weighted: 20 },
  { step: 1, name: "/a", count: 6, weighted: 15 },
  { step: 1, name: "(exit)", count: 4, weighted: 5 },
  { step: 2, name: "(exit)", count: 6, weighted: 15 },
];
const edges = [
  { step: 0, from: "/", to: "/a", count: 6, weighted: 15 },
  { step: 0, from: "/", to: "(exit)", count: 4, weighted: 5 },
  { step: 1, from: "/a", to: "(exit)", count: 6, weighted: 15 },
];
const count = (n: { count: number }): number => n.count;

test("boxes are as high as their part, one column a step", () => {
  const l = layout(nodes, edges, false, count);
  assert.equal(l.boxes.length, 4);
  assert.equal(l.bands.length, 3);
  const [all, a, exit, end] = l.boxes;
  assert.equal(a!.height / all!.height, 0.6);
  assert.equal(a!.height + exit!.height, all!.height);
  assert.ok(all!.x < a!.x && a!.x === exit!.x && a!.x < end!.x);
  assert.ok(exit!.y >= a!.y + a!.height, "boxes of a step do not lie on each other");
  assert.ok(l.boxes.every((b) => b.y + b.height <= l.height && b.x < l.width));
  // The first band begins at the top of its box, the next where it ends.
  assert.ok(l.bands[0]!.path.startsWith(`M10.0 ${all!.y.toFixed(1)}C`));
  assert.ok(l.bands[1]!.path.startsWith(`M10.0 ${(all!.y + a!.height).toFixed(1)}C`));
});

test("journeys to an anchor have it on the right", () => {
  const l = layout(nodes, edges, true, count);
  const [all, a, , end] = l.boxes;
  assert.ok(all!.x > a!.x && a!.x > end!.x);
  assert.ok(l.bands[0]!.path.startsWith(`M${(a!.x + 10).toFixed(1)} `));
});

test("weights can be the numbers", () => {
  const l = layout(nodes, edges, false, (n) => n.weighted ?? n.count);
  assert.equal(l.boxes[1]!.height / l.boxes[0]!.height, 0.75);
});

test("nothing is laid out of nothing, and a band to nowhere is left out", () => {
  assert.deepEqual(layout([], [], false, count).boxes, []);
  assert.equal(layout(nodes, [{ step: 0, from: "/", to: "/zzz", count: 1 }], false, count).bands.length, 0);
});
