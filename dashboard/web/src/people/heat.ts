// Where the cells of a heatmap lie over a page. Pure: numbers in, numbers out.

import type { Heatmap } from "./wire";

export interface Spot {
  x: number; // pixels of the page, as are all
  y: number;
  width: number;
  height: number;
  strength: number; // of the strongest, 0 to 1
  count: number; // clicks; of scroll how many saw so far down
}

export interface HeatLayout {
  width: number; // of the page
  height: number;
  spots: Spot[];
}

/** The width of a class of viewports, and the least height that is drawn, in pixels. */
export const classPx = 160;
const leastHeightPx = 600;

/** How wide a page of the class is that the picture shows: the picture's own width where it is one of the class. */
export function pageWidth(classFrom: number, pictureWidth: number | undefined): number {
  if (pictureWidth !== undefined && pictureWidth >= classFrom && pictureWidth < classFrom + classPx) return pictureWidth;
  return classFrom + classPx / 2;
}

/** Lays the cells over a page, as high as the picture of it. */
export function layHeat(
  heat: Pick<Heatmap, "kind" | "width" | "cells" | "x_bins" | "y_bin_px">, picture?: { width: number; height: number },
): HeatLayout {
  const width = pageWidth(heat.width, picture?.width);
  const lowest = Math.max(0, ...heat.cells.map((c) => c.y + 1)) * heat.y_bin_px;
  const height = picture ? picture.height * (width / picture.width) : Math.max(leastHeightPx, lowest);
  const spots = heat.kind === "scroll" ? bands(heat.cells, width, heat.y_bin_px) : points(heat, width);
  return { width, height, spots };
}

function points(heat: Pick<Heatmap, "cells" | "x_bins" | "y_bin_px">, width: number): Spot[] {
  const most = Math.max(1, ...heat.cells.map((c) => c.count));
  const cell = width / heat.x_bins;
  return heat.cells.map((c) => {
    const strength = Math.sqrt(c.count / most); // so that a place with a tenth of the clicks can still be seen
    return { x: c.x * cell, y: c.y * heat.y_bin_px, width: cell, height: heat.y_bin_px, strength, count: c.count };
  });
}

/** How many saw each part of the page: a cell is how far down somebody came, so they saw all above it too. */
function bands(cells: Heatmap["cells"], width: number, binPx: number): Spot[] {
  const reached = new Map<number, number>();
  for (const c of cells) reached.set(c.y, (reached.get(c.y) ?? 0) + c.count);
  const all = cells.reduce((sum, c) => sum + c.count, 0);
  const spots: Spot[] = [];
  let from = 0;
  let saw = all;
  for (const [y, count] of [...reached].sort(([a], [b]) => a - b)) {
    spots.push({ x: 0, y: from * binPx, width, height: (y + 1 - from) * binPx, strength: saw / all, count: saw });
    from = y + 1;
    saw -= count;
  }
  return spots;
}
