import assert from "node:assert/strict";
import test from "node:test";
import { wireQuestion } from "./api";
import { inWords } from "./filters";
import * as fmt from "./format";
import { countryCode, isNamed, label, learn } from "./labels";
import { metrics, topMetrics, wishes } from "./metrics";

test("durations", () => {
  const cases: [number, string][] = [[0, "0s"], [59.4, "59s"], [60, "1m"], [75, "1m 15s"], [3600, "1h"], [3700, "1h 1m"]];
  for (const [seconds, want] of cases) assert.equal(fmt.duration(seconds), want);
});

test("shares and changes", () => {
  assert.equal(fmt.share(1, 3), "33%");
  assert.equal(fmt.share(1, 30), "3.3%");
  assert.equal(fmt.share(1, 10_000), "<0.1%");
  assert.equal(fmt.share(0, 10), "0%");
  assert.equal(fmt.share(1, 0), "–");
  assert.equal(fmt.change(110, 100), 10);
  assert.equal(fmt.change(0, 4), -100);
  assert.equal(fmt.change(5, 0), undefined);
  assert.equal(fmt.change(null, 5), undefined);
  assert.equal(fmt.difference(metrics.bounce_rate, 43, 40), 3);
  assert.equal(fmt.difference(metrics.visitors, 43, 40), 8);
});

test("a span leaves out the year that is today's", () => {
  const week = { from: "2026-11-18", to: "2026-11-24" };
  const turn = { from: "2025-12-28", to: "2026-01-03" };
  assert.match(fmt.span(week), /2026/);
  assert.match(fmt.span(week, "2027-01-01"), /2026/);
  assert.doesNotMatch(fmt.span(week, "2026-12-01"), /2026/);
  assert.match(fmt.span(turn, "2026-01-03"), /2025.*2026/);
  assert.doesNotMatch(fmt.span({ from: "2026-11-18", to: "2026-11-18" }, "2026-12-01"), /2026/);
});

test("what is no date is shown as it is", () => {
  assert.equal(fmt.bucket({ label: "2026-11-18 14:00:00" }, "day"), "2026-11-18 14:00:00");
  assert.equal(fmt.tick("soon", "day"), "soon");
});

test("values by kind", () => {
  assert.equal(fmt.value(metrics.visitors, null), "–");
  assert.equal(fmt.value(metrics.bounce_rate, 42), "42%");
  assert.equal(fmt.value(metrics.views_per_visit, 2.456), "2.46");
  assert.equal(fmt.value(metrics.inp_p75, 999), "999ms");
  assert.equal(fmt.value(metrics.lcp_p75, 2560), "2.6s");
});

test("stored values become words", () => {
  const cases: [Parameters<typeof label>, string][] = [
    [["country", "NL"], "Netherlands"], [["country", ""], "Unknown"], [["country", "(other)"], "Other"],
    [["country", "not a code"], "not a code"],
    [["city", "2759794"], "2759794"], [["region", "NL-NH"], "NH, Netherlands"],
    [["page", "/a:b"], "/a:b"], [["source", ""], "Direct / None"], [["source", "Direct / None"], "Direct / None"],
  ];
  for (const [args, want] of cases) assert.equal(label(...args), want);
  learn("city", "2759794", "Amsterdam");
  learn("region", "NL-NH", "North Holland");
  assert.equal(label("city", "2759794"), "Amsterdam");
  assert.equal(label("region", "NL-NH"), "North Holland");
  assert.equal(isNamed("city", "2759794") && isNamed("city", "(other)") && !isNamed("city", "588409"), true);
  assert.equal(countryCode("region", "NL-NH"), "NL");
  assert.equal(countryCode("country", "(other)"), undefined);
});

test("a refusal speaks of dimensions as people do", () => {
  assert.equal(inWords('"event:page" and visit:os: no'), "page and operating system: no");
  assert.equal(inWords("visit:unheard stays"), "visit:unheard stays");
});

test("questions on the wire", () => {
  assert.deepEqual(
    wireQuestion({
      site: "example.com", metrics: ["visitors"], range: { from: "2026-01-01", to: "2026-01-07" }, dimensions: ["event:page"],
      filters: [{ key: "source", not: true, values: ["Google"] }], search: { dimension: "event:page", text: "doc" }, limit: 10,
    }),
    {
      site_id: "example.com", metrics: ["visitors"], date_range: ["2026-01-01", "2026-01-07"], dimensions: ["event:page"],
      filters: [["is_not", "visit:source", ["Google"]], ["contains", "event:page", ["doc"], { case_sensitive: false }]],
      pagination: { limit: 10, offset: 0 },
    },
  );
  assert.deepEqual(wireQuestion({ site: "a", metrics: ["visits"], range: "all" }), {
    site_id: "a", metrics: ["visits"], date_range: "all",
  });
});

test("only numbers that are defined under the filters are asked for", () => {
  assert.equal(topMetrics([]).length, 6);
  assert.equal(topMetrics([{ key: "page", not: false, values: ["/"] }]).includes("views_per_visit"), false);
  assert.equal(topMetrics([{ key: "goal", not: false, values: ["Sign up"] }]).includes("total_revenue"), true);
  assert.deepEqual(wishes([{ key: "goal", not: false, values: ["Sign up"] }]).map((m) => m.length), [5, 3, 2]);
  assert.deepEqual(wishes([{ key: "entry", not: false, values: ["/"] }]).map((m) => m.length), [2]);
  assert.deepEqual(topMetrics([{ key: "event", not: false, values: ["Signup"] }]), ["visitors", "visits", "events"]);
});

test("money and large numbers where there is much room, and where there is little", () => {
  const { total_revenue: money, visitors } = metrics;
  assert.equal(fmt.value(money, 11_273.52, "EUR"), "€11,273.52");
  assert.equal(fmt.shortValue(money, 9_999.5, "EUR"), "€9,999.50");
  assert.equal(fmt.shortValue(money, 11_273.52, "EUR").toUpperCase(), "€11.3K");
  assert.equal(fmt.value(money, 123_456.78, "EUR"), "€123,457");
  assert.equal(fmt.value(money, 5, "no code"), "5.0 no code");
  assert.equal(fmt.value(money, null), "–");
  assert.equal(fmt.topValue(visitors, 9_999_999), "9,999,999");
  assert.equal(fmt.topValue(visitors, 12_345_678).toUpperCase(), "12.35M");
  assert.equal(fmt.difference(metrics.conversion_rate, 1.94, 1.36), 0.6);
});

test("days in words", () => {
  const table: [[string, string][], string][] = [
    [[["2026-01-01", "2026-01-20"]], "1–20 Jan 2026"],
    [[["2026-03-02", "2026-03-02"]], "2 Mar 2026"],
    [[["2025-12-30", "2026-01-02"], ["2026-03-02", "2026-03-02"]], "30 Dec 2025–2 Jan 2026 and 2 Mar 2026"],
    [
      [["2026-01-01", "2026-01-01"], ["2026-01-03", "2026-01-03"], ["2026-01-05", "2026-01-05"], ["2026-01-07", "2026-01-08"],
        ["2026-01-10", "2026-01-10"]],
      "1 Jan 2026, 3 Jan 2026, 5 Jan 2026 and 3 more days",
    ],
  ];
  for (const [spans, want] of table) assert.equal(plain(fmt.days(spans)), want);
});

test("sentences of the server with the page's dates", () => {
  const table: [string, string][] = [
    ["Without 2026-03-01 to 2026-03-02, imported from A.", "Without 1–2 Mar 2026, imported from A."],
    ["2026-03-01, 2026-03-04 and 5 more days were imported", "1 Mar 2026, 4 Mar 2026 and 5 more days were imported"],
    ["Not known of 2026-03-01.", "Not known of 1 Mar 2026."],
    ["(2026-03-01 to 2026-03-02)", "(1–2 Mar 2026)"],
    ["2026-02-30 is no day", "2026-02-30 is no day"],
    ["2026-03-02 to 2026-03-01: ends before it begins", "2026-03-02 to 2026-03-01: ends before it begins"],
    ['"2026-03-01" and /2026-03-01 and 2026-03-01/a and 2026-03-01T10:00:00Z', '"2026-03-01" and /2026-03-01 and 2026-03-01/a and 2026-03-01T10:00:00Z'],
  ];
  for (const [said, want] of table) assert.equal(plain(fmt.inDates(said)), want);
});

/** Intl's dashes stand between spaces of several kinds in some versions. */
function plain(text: string): string {
  return text.replace(/\s*–\s*/g, "–");
}
