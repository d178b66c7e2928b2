import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import type { Inclusion } from "./api";
import { isIncluded, parseCheckpoint } from "./proof";

const sha = (...parts: Buffer[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
const leaf = (i: number): Buffer => Buffer.from(`v1\0${i}`);

/** The root of leaves from to to, and the path of one of them, as RFC 6962 writes both down. */
function root(from: number, to: number): Buffer {
  if (to - from === 1) return sha(Buffer.from([0]), leaf(from));
  const k = split(to - from);
  return sha(Buffer.from([1]), root(from, from + k), root(from + k, to));
}

function path(m: number, from: number, to: number): Buffer[] {
  if (to - from === 1) return [];
  const k = split(to - from);
  return m < from + k
    ? [...path(m, from, from + k), root(from + k, to)]
    : [...path(m, from + k, to), root(from, from + k)];
}

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function inclusion(m: number, size: number): Inclusion {
  return {
    leaf_index: m, leaf: leaf(m).toString("base64"), tree_size: size, path: path(m, 0, size).map((h) => h.toString("base64")),
    checkpoint: `turf.consent/x\n${size}\n${root(0, size).toString("base64")}\n\n— turf.consent/x AAAA\n`,
  };
}

test("every leaf of trees up to 40 is proven by its path", async () => {
  for (let size = 1; size <= 40; size++) {
    for (let m = 0; m < size; m++) assert.equal(await isIncluded(inclusion(m, size)), true, `${m} of ${size}`);
  }
});

test("what is changed is not proven", async () => {
  for (const size of [1, 2, 3, 7, 8, 21]) {
    for (let m = 0; m < size; m++) {
      const p = inclusion(m, size);
      const other = root(0, 9).toString("base64");
      const wrong: Inclusion[] = [
        { ...p, leaf: leaf(m + 1).toString("base64") },
        { ...p, leaf_index: size },
        { ...p, leaf_index: -1 },
        { ...p, tree_size: size + 1 },
        { ...p, path: [...p.path, other] },
        { ...p, path: p.path.slice(1) },
        { ...p, checkpoint: p.checkpoint.replace(/\n[^\n]*=\n/, `\n${other}\n`) },
        { ...p, checkpoint: "" },
      ];
      if (size > 1) wrong.push({ ...p, leaf_index: m ^ 1 });
      for (const [i, w] of wrong.entries()) {
        if (size === 1 && i === 5) continue; // there is no path that could be cut
        assert.equal(await isIncluded(w), false, `change ${i} of ${m} of ${size}`);
      }
    }
  }
});

test("checkpoints", () => {
  assert.deepEqual(parseCheckpoint(inclusion(0, 3).checkpoint)?.signers, ["turf.consent/x"]);
  for (const text of ["", "a\nb\nc\n\n", "a\n1", "a\n-1\nc\n\n"]) assert.equal(parseCheckpoint(text), undefined, text);
});
