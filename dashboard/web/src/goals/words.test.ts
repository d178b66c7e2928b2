import assert from "node:assert/strict";
import test from "node:test";
import { segmentWords } from "./words";

test("filters of segments in words", () => {
  const table: [Parameters<typeof segmentWords>[0], string][] = [
    [[["is", "visit:country", ["NL"]]], "Country is Netherlands"],
    [[["is", "visit:country", ["NL", "BE"]], ["contains", "event:page", ["/blog"]]], "Country is Netherlands or Belgium and Page contains /blog"],
    [[["is_not", "visit:source", ["(not set)"]]], "Source is not Direct / None"],
    [[["is", "event:props:plan", ["pro"]]], "plan is pro"],
    [[["or", [["is", "event:name", ["Trial"]], ["is", "event:props:plan", ["pro"]]]]], "Event is Trial or plan is pro"],
    [
      [["is", "visit:device", ["Mobile"]], ["or", [["is", "visit:os", ["iOS"]], ["not", ["is", "visit:browser", ["Safari"]]]]]],
      "Device is Mobile and (Operating system is iOS or not Browser is Safari)",
    ],
    [[["not", ["and", [["is", "visit:os", ["iOS"]], ["matches", "event:page", ["^/a"]]]]]], "not (Operating system is iOS and Page matches ^/a)"],
    [[["is", "event:hostname", ["a.example"]]], "event:hostname is a.example"],
  ];
  for (const [filters, want] of table) assert.equal(segmentWords(filters), want);
});
