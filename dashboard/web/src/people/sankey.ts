// Where the boxes and bands of a flow lie. Pure: numbers in, numbers out.

import type { Edge, Node } from "./wire";

export interface Box {
  node: Node;
  value: number;
  x: number;
  y: number;
  height: number;
}

export interface Band {
  edge: Edge;
  value: number;
  path: string; // of an area
  from: Box;
  to: Box;
}

export interface Layout {
  width: number;
  height: number;
  boxes: Box[];
  bands: Band[];
}

export const boxWidth = 10;
/** The width of a column with its labels, and the height of all people together. */
const columnWidth = 190;
const fullHeight = 300;
/** Between boxes, so that a label of each can be read. */
const gap = 18;
const top = 16;

/**
 * Lays the nodes out in a column a step, the largest first and what has no name last; with backward the anchor is on the
 * right. A band is as high at either end as its number is a part of all. value says which number counts.
 */
export function layout(
  nodes: Node[], edges: Edge[], backward: boolean, value: (n: { count: number; weighted?: number }) => number,
): Layout {
  const last = Math.max(0, ...nodes.map((n) => n.step));
  const total = nodes.filter((n) => n.step === 0).reduce((sum, n) => sum + value(n), 0) || 1;
  const boxes = new Map<string, Box>();
  const filled: number[] = [];
  for (const node of [...nodes].sort((a, b) => a.step - b.step || rank(a.name) - rank(b.name) || value(b) - value(a))) {
    const column = backward ? last - node.step : node.step;
    const y = filled[node.step] ?? top;
    const height = Math.max(1, (value(node) / total) * fullHeight);
    boxes.set(key(node.step, node.name), { node, value: value(node), x: column * columnWidth, y, height });
    filled[node.step] = y + height + gap;
  }
  const ends = edges.flatMap((edge) => {
    const from = boxes.get(key(edge.step, edge.from));
    const to = boxes.get(key(edge.step + 1, edge.to));
    return from && to ? [{ edge, from, to, height: Math.max(0.5, (value(edge) / total) * fullHeight) }] : [];
  });
  // Where each band leaves and arrives: in the order of the boxes at its other end, so that few cross.
  const leaves = stack(ends, (e) => e.from, (e) => e.to);
  const arrives = stack(ends, (e) => e.to, (e) => e.from);
  const bands = ends.map((e): Band => {
    const { from, to, edge, height } = e;
    const [y1, y2] = [leaves.get(e)!, arrives.get(e)!];
    const path = backward
      ? band(to.x + boxWidth, y2, from.x, y1, height)
      : band(from.x + boxWidth, y1, to.x, y2, height);
    return { edge, value: value(edge), path, from, to };
  });
  const height = Math.max(top, ...filled.filter((y) => y !== undefined));
  return { width: (last + 1) * columnWidth, height, boxes: [...boxes.values()], bands };
}

/** What has no name of its own lies below what has. */
function rank(name: string): number {
  if (name === "(exit)" || name === "(entry)") return 2;
  return name === "(other)" ? 1 : 0;
}

/** The upper edge of each band at one of its ends, one below the other in the order of the other ends. */
function stack<E extends { height: number }>(ends: E[], at: (e: E) => Box, other: (e: E) => Box): Map<E, number> {
  const taken = new Map<Box, number>();
  const edges = new Map<E, number>();
  for (const e of [...ends].sort((a, b) => other(a).y - other(b).y)) {
    const used = taken.get(at(e)) ?? 0;
    edges.set(e, at(e).y + used);
    taken.set(at(e), used + e.height);
  }
  return edges;
}

function key(step: number, name: string): string {
  return `${step} ${name}`;
}

function band(x1: number, y1: number, x2: number, y2: number, height: number): string {
  const middle = (x1 + x2) / 2;
  const n = (v: number): string => v.toFixed(1);
  return `M${n(x1)} ${n(y1)}C${n(middle)} ${n(y1)} ${n(middle)} ${n(y2)} ${n(x2)} ${n(y2)}V${n(y2 + height)}` +
    `C${n(middle)} ${n(y2 + height)} ${n(middle)} ${n(y1 + height)} ${n(x1)} ${n(y1 + height)}Z`;
}
