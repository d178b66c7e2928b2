// Proofs of inclusion (RFC 6962), reckoned in the browser: the page need not believe the server.

import type { Inclusion } from "./api";

/** The first lines of a checkpoint: what is signed. */
export interface Checkpoint {
  origin: string;
  size: number;
  root: string; // base64
  signers: string[];
}

/** Reads a signed note; undefined for what is none. Signatures are not checked: that is what `turf consent verify` is for. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [signed, signatures] = text.split("\n\n");
  const [origin, size, root] = (signed ?? "").split("\n");
  if (!origin || !root || !/^\d+$/.test(size ?? "")) return undefined;
  const signers = (signatures ?? "").split("\n").filter((l) => l.startsWith("— ")).map((l) => l.split(" ")[1] ?? "");
  return { origin, size: Number(size), root, signers };
}

/**
 * Whether the leaf leads to the root that the checkpoint names, along the path. It throws where the browser cannot reckon
 * SHA-256, as on pages that came over plain HTTP.
 */
export async function isIncluded(p: Inclusion): Promise<boolean> {
  const checkpoint = parseCheckpoint(p.checkpoint);
  if (!checkpoint || checkpoint.size !== p.tree_size || p.leaf_index < 0 || p.leaf_index >= p.tree_size) return false;
  const path = p.path.map(bytes);
  let hash = await sha256([0], bytes(p.leaf));
  // From the leaf upwards: index and last are the places of the node and of the last node of its level.
  let index = p.leaf_index;
  let last = p.tree_size - 1;
  for (const sibling of path) {
    if (last === 0) return false;
    if (index % 2 === 1 || index === last) {
      hash = await sha256([1], sibling, hash);
      while (index % 2 === 0 && index !== 0) [index, last] = [index / 2, Math.floor(last / 2)];
    } else {
      hash = await sha256([1], hash, sibling);
    }
    index = Math.floor(index / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && base64(hash) === checkpoint.root;
}

async function sha256(kind: number[], ...parts: Uint8Array[]): Promise<Uint8Array> {
  const whole = new Uint8Array([...kind, ...parts.flatMap((p) => [...p])]);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

function base64(b: Uint8Array): string {
  return btoa(String.fromCharCode(...b));
}
