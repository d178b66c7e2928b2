// A table as a file of comma-separated values, as RFC 4180 has them.

export type Cell = string | number | null;

/** What a spreadsheet takes for a formula. Names of campaigns and pages are what strangers send. */
const formula = /^[=+\-@\t\r]/;

function text(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  const safe = formula.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The file. It begins with a byte order mark, without which spreadsheets take it for another encoding. */
export function csv(rows: Cell[][]): string {
  return `\uFEFF${rows.map((r) => `${r.map(text).join(",")}\r\n`).join("")}`;
}

/** Gives the reader a file. */
export function download(name: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url));
}
