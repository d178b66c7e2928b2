import assert from "node:assert/strict";
import test from "node:test";
import { restMs } from "./rest";

test("the page rests as the server is slow, and a slow answer does not stop it", () => {
  assert.equal(restMs(0), 0);
  assert.equal(restMs(40), 2000);
  assert.ok(restMs(60_000) <= 5 * 60_000);
});
