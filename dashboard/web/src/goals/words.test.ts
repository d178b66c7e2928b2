import assert from "node:assert/strict";
import test from "node:test";
import { segmentWords, wrongIn } from "./words";

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

test("where in a form a mistake is", () => {
  const table: [said: string, field: string, reason: string][] = [
    ['goals[2].currency: "EU" is no currency: use a code', "currency", '"EU" is no currency: use a code'],
    ["goals[12].name: it is longer than 120 bytes", "name", "It is longer than 120 bytes"],
    ['goals[0].page: "a" is no path', "what", '"a" is no path'],
    ["goals[0].event: pageview is no custom event", "what", "Pageview is no custom event"],
    ['goals[1]: it is the same as the goal "x: y"', "", 'It is the same as the goal "x: y"'],
    ["goals: there are 101, and can be 100", "", "There are 101, and can be 100"],
    ["event_name: is required", "what", "Is required"],
    ["scroll_threshold: it is a number from 1 to 100", "scroll", "It is a number from 1 to 100"],
    ['funnels[3].steps[1].page: "a" is no path', "", 'Step 2: "a" is no path'],
    ["funnels[3].steps: there are 1, and must be 2 to 8", "", "There are 1, and must be 2 to 8"],
    ['segments[0].name: there are two segments called "x"', "name", 'There are two segments called "x"'],
    ["segments[0].filter.and[1].values: at least one is required", "", "At least one is required"],
    ["The server does not answer: try again", "", "The server does not answer: try again"],
    ["Only who may change this site declares what is counted of it.", "", "Only who may change this site declares what is counted of it."],
  ];
  for (const [said, field, reason] of table) assert.deepEqual(wrongIn(said), { field, reason }, said);
});
