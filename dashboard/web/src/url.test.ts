import assert from "node:assert/strict";
import test from "node:test";
import { isOn, toggle } from "./filters";
import { format, parse, type View } from "./url";

const plain: View = { site: "example.com", period: { preset: "7d" }, metric: "visitors", filters: [] };

function parseURL(url: string): View {
  const [path, query = ""] = url.split("?");
  return parse(path!, query);
}

test("views and their addresses", () => {
  const cases: [View, string][] = [
    [{ ...plain, site: "" }, "/"],
    [plain, "/example.com"],
    [{ ...plain, site: "localhost:8080" }, "/localhost:8080"],
    [{ ...plain, site: "example.com/blog" }, "/example.com/blog"],
    [{ ...plain, period: { preset: "today" }, metric: "visits" }, "/example.com?period=today&metric=visits"],
    [{ ...plain, by: "week" }, "/example.com?by=week"],
    [{ ...plain, period: { from: "2026-01-01", to: "2026-01-31" } }, "/example.com?from=2026-01-01&to=2026-01-31"],
    [
      { ...plain, filters: [{ key: "page", not: true, values: ["/a b&c=d#e"] }, { key: "source", not: false, values: ["X", "Y"] }] },
      "/example.com?page.not=/a+b%26c%3Dd%23e&source=X&source=Y",
    ],
    [{ ...plain, filters: [{ key: "segment", not: false, values: ["Dutch & mobile"] }] }, "/example.com?segment=Dutch+%26+mobile"],
    [{ ...plain, filters: [{ key: "city", not: false, values: ["2759794"] }] }, "/example.com?city=2759794"],
    [{ ...plain, tab: "consent", more: {} }, "/example.com?tab=consent"],
    [
      { ...plain, tab: "consent", period: { preset: "30d" }, more: { part: "ledger", record: "a/b c" } },
      "/example.com?tab=consent&period=30d&part=ledger&record=a/b+c",
    ],
    [{ ...plain, site: "münchen.example" }, "/m%C3%BCnchen.example"],
  ];
  for (const [view, url] of cases) {
    assert.equal(format(view), url);
    assert.deepEqual(parseURL(url), view, url);
  }
});

test("what is wrong in an address is ignored", () => {
  for (const query of [
    "period=5y", "from=2026-02-30&to=2026-03-01", "from=2026-03-02&to=2026-03-01", "metric=toString", "zzz=1", "by=year",
    "tab=x&part=y",
  ]) {
    assert.deepEqual(parseURL(`/example.com?${query}`), plain, query);
  }
  assert.equal(parseURL("/%").site, "%");
});

test("a click filters, a second one does not any more", () => {
  const once = toggle([], "source", "Google");
  assert.equal(isOn(once, "source", "Google"), true);
  assert.deepEqual(toggle(once, "source", "Google"), []);
  assert.deepEqual(toggle(once, "source", "Bing"), [{ key: "source", not: false, values: ["Bing"] }]);
  const two = toggle(once, "page", "/");
  assert.deepEqual(two.map((f) => f.key), ["page", "source"]);
});

test("any filters survive the way through the address", () => {
  const odd = ["", " ", "+", "%", "&=", "/?#", "ü–😀", "a%2Fb", "(other)", "2759794:Amsterdam"];
  for (const value of odd) {
    const view: View = { ...plain, filters: [{ key: "page", not: false, values: [value] }] };
    assert.deepEqual(parseURL(format(view)), view, JSON.stringify(value));
  }
});
