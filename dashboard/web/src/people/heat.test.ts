import assert from "node:assert/strict";
import { test } from "node:test";
import { layHeat, pageWidth } from "./heat";

const grid = { x_bins: 100, y_bin_px: 16, width: 1280 };

test("a page is as wide as the picture of it, where that is of the class", () => {
  for (const [picture, width] of [[undefined, 1360], [1279, 1360], [1280, 1280], [1439, 1439], [1440, 1360], [2560, 1360]] as const) {
    assert.equal(pageWidth(1280, picture), width);
  }
});

test("cells lie in hundredths of the width and steps down the page", () => {
  const cells = [{ x: 50, y: 10, count: 100 }, { x: 0, y: 0, count: 25 }];
  const l = layHeat({ ...grid, kind: "click", cells });
  assert.deepEqual(l.spots[0], { x: 680, y: 160, width: 13.6, height: 16, strength: 1, count: 100 });
  assert.equal(l.spots[1]!.strength, 0.5);
  assert.equal(l.height, 600);
  // A picture of twice the pixels is the same page.
  const twice = layHeat({ ...grid, kind: "click", cells }, { width: 2720, height: 4000 });
  assert.equal(twice.width, 1360);
  assert.equal(twice.height, 2000);
  assert.deepEqual(twice.spots[0], l.spots[0]);
});

test("who came far down saw all above", () => {
  const cells = [{ x: 0, y: 9, count: 3 }, { x: 0, y: 4, count: 6 }, { x: 0, y: 4, count: 1 }];
  const { spots } = layHeat({ ...grid, kind: "scroll", cells });
  assert.deepEqual(spots.map((s) => [s.y, s.height, s.count, s.strength]), [[0, 80, 10, 1], [80, 80, 3, 0.3]]);
});

test("nothing is drawn of nothing", () => {
  assert.deepEqual(layHeat({ ...grid, kind: "scroll", cells: [] }).spots, []);
  assert.deepEqual(layHeat({ ...grid, kind: "click", cells: [] }).spots, []);
});
