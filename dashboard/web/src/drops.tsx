// What was not counted, and why: one line, and all of it when it is opened.

import { useState } from "preact/hooks";
import { ask } from "./api";
import * as fmt from "./format";
import { useAnswer } from "./hooks";
import type { Span } from "./period";

/** The server's reasons in words; see drop.go of its package ingest. */
const reasons: Record<string, string> = {
  unknown_site: "unknown sites", objection: "visitors who object", robot: "robots", ai_robot: "robots of language models",
  prefetch: "pages fetched in advance", webdriver: "browsers driven by a program", headless: "browsers without a window",
  no_hints: "robots that pose as Chrome", other_hints: "robots that pose as a browser", no_language: "programs without a language",
  address: "excluded addresses", datacenter: "data centres", country: "excluded countries", url: "addresses of no page",
  hostname: "other hosts", page: "excluded pages", spam: "referrer spam", rate: "more pages a minute than a person reads",
};

/** Reasons that are named in the line; agents that are listed. */
const named = 3;
const agentsShown = 20;

interface Props {
  site: string;
  span: Span;
  tick: number;
}

export function Drops({ site, span, tick }: Props) {
  const [open, setOpen] = useState(false);
  const key = JSON.stringify([site, span]);
  const { data } = useAnswer(key, tick, (signal) =>
    ask({ site, metrics: ["drops"], range: span, dimensions: ["drop:reason"] }, signal));
  const agents = useAnswer(`${key} ${open}`, tick, async (signal) =>
    open ? ask({ site, metrics: ["drops"], range: span, dimensions: ["drop:agent"], limit: agentsShown }, signal) : undefined);
  const rows = (data?.rows ?? []).map((r) => ({ reason: word(r.dimensions[0]!), count: r.values[0] ?? 0 }));
  const total = rows.reduce((sum, r) => sum + r.count, 0);
  if (total === 0) return null;
  const most = rows.slice(0, named).map((r) => `${fmt.count(r.count)} ${r.reason}`).join(", ");
  return (
    <details class="drops" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>
        Not counted: {fmt.count(total)} {total === 1 ? "request" : "requests"} ({most}{rows.length > named && ", …"})
      </summary>
      <div class="drops-lists">
        <List title="Why" rows={rows.map((r) => [r.reason, r.count])} />
        <List title="Who" rows={(agents.data?.rows ?? []).map((r) => [agent(r.dimensions[0]!), r.values[0] ?? 0])} />
      </div>
    </details>
  );
}

function List({ title, rows }: { title: string; rows: [string, number][] }) {
  return (
    <table class="details">
      <thead>
        <tr><th scope="col">{title}</th><th scope="col" class="num">Requests</th></tr>
      </thead>
      <tbody>
        {rows.map(([name, n]) => <tr key={name}><td>{name}</td><td class="num">{fmt.count(n)}</td></tr>)}
      </tbody>
    </table>
  );
}

function word(reason: string): string {
  return reasons[reason] ?? reason;
}

function agent(name: string): string {
  return name === "(not set)" ? "Unknown" : name;
}
