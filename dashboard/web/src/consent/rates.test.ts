import assert from "node:assert/strict";
import test from "node:test";
import type { Notice } from "./api";
import { managers, tagOf } from "./managers";
import { ratesOf, unanswered } from "./rates";

test("rates are sums by notice, the newest first", () => {
  const notices = [{ notice_id: "a", version: 1 }, { notice_id: "b", version: 2 }] as Notice[];
  const row = (notice_id: string, action: string, count: number) => ({ day: "2026-11-01", notice_id, action, count });
  const rates = ratesOf([
    row("a", "accepted", 3), row("b", "shown", 10), row("b", "accepted", 4), row("b", "accepted", 1), row("b", "refused", 2),
    row("gone", "refused", 1), row("b", "something new", 7),
  ], notices);
  assert.deepEqual(rates.map((r) => r.version), [2, 1, undefined]);
  assert.deepEqual(rates[0], { notice: "b", version: 2, shown: 10, accepted: 5, refused: 2, dismissed: 0, withdrawn: 0 });
  assert.deepEqual(rates.map(unanswered), [3, undefined, undefined]);
});

test("tags", () => {
  const by = (id: string): string => tagOf(managers.find((m) => m.id === id)!, "https://t.example", "example.com");
  assert.equal(by(""), '<script defer data-domain="example.com" src="https://t.example/js/turf-consent.js"></script>');
  assert.equal(
    by("gcm"),
    '<script defer data-domain="example.com" data-consent="gcm" data-weak="yes" src="https://t.example/js/turf-consent.gcm.js"></script>',
  );
});
