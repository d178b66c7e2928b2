import assert from "node:assert/strict";
import { test } from "node:test";
import { clash, type Combination, hasHours, isCounted } from "./combine";
import type { Filter, FilterKey } from "./filters";

const combinations: Combination[] = [
  { grain: "day", dimensions: ["event:page", "visit:source"] },
  { grain: "day", dimensions: ["visit:source", "visit:country"] },
  { grain: "day", dimensions: ["event:page", "segment"] },
  { grain: "hour", dimensions: ["visit:browser"] },
];
const by = (...keys: FilterKey[]): Filter[] => keys.map((key) => ({ key, not: false, values: ["x"] }));

test("what is counted together", () => {
  const cases: [FilterKey, Filter[], boolean][] = [
    ["page", [], true], ["page", by("source"), true], ["source", by("source"), true], ["country", by("source"), true],
    ["country", by("page"), false], ["country", by("page", "source"), false],
    ["page", by("segment"), true], ["source", by("segment"), false], ["page", by("segment", "source"), false],
    ["browser", [], false], // by the hour only
  ];
  for (const [key, filters, want] of cases) assert.equal(isCounted(combinations, key, filters), want, `${key} ${filters.length}`);
  assert.equal(isCounted([], "country", by("page")), true); // the server says nothing
});

test("what is counted by the hour", () => {
  assert.equal(hasHours(combinations, []), true);
  assert.equal(hasHours(combinations, by("browser")), true);
  assert.equal(hasHours(combinations, by("page", "source")), false);
  assert.equal(hasHours([], by("page", "source")), true);
});

test("why something is not counted", () => {
  assert.equal(clash("country", by("page")), "Country is not counted together with page, so that no row can be traced to a person. " +
    "Remove a filter to see countries.");
  assert.match(clash("city", by("source", "os", "city")), /^City is not counted together with source and operating system, so/);
  assert.match(clash("city", by("source", "os", "page")), /with source, operating system and page, so/);
});
