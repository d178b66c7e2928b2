import assert from "node:assert/strict";
import test from "node:test";
import { type Cell, csv } from "./csv";

test("cells are quoted where they have to be, and no formula", () => {
  const cases: [Cell, string][] = [
    ["/pricing", "/pricing"], ["a,b", '"a,b"'], ['say "hi"', '"say ""hi"""'], ["two\nlines", '"two\nlines"'],
    [1234.5, "1234.5"], [-3, "-3"], [null, ""], ["", ""], ["日本語", "日本語"],
    ["=1+1", "'=1+1"], ["@cmd,x", "\"'@cmd,x\""], ["-2", "'-2"], ["+3", "'+3"],
  ];
  for (const [cell, want] of cases) assert.equal(csv([[cell]]), `\uFEFF${want}\r\n`);
  assert.equal(csv([["Page", "Visitors"], ["/", 2]]), "\uFEFFPage,Visitors\r\n/,2\r\n");
});
