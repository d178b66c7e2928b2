// What the server's opt-in path says to a site's owner (ingest/consent/WIRE.md).

import { call, send } from "../api";
import type { Span } from "../period";

export interface Settings {
  on: boolean;
  manager?: string;
  weak_proof?: boolean;
  explicit_over_gpc?: boolean;
  valid_months?: number;
  proof_months?: number;
  audience?: string;
  tcf_vendor?: number;
}

export interface Purpose {
  id: string;
  version: number;
  data: string[];
  retention_days: number;
}

export interface Text {
  title: string;
  body: string;
  purposes: Record<string, string>;
  accept: string;
  reject: string;
  save: string;
  privacy: string;
}

export interface Party {
  name: string;
  address?: string;
  contact?: string;
  dpo?: string;
  role?: string;
}

/** What an owner writes of a notice. */
export interface Draft {
  default_lang: string;
  lang: Record<string, Text>;
  purposes: string[]; // "events@2"
  controller: Party;
  processors?: Party[];
  storage_locations: string[];
  jurisdiction: string;
  withdrawal_method: string;
  rights_url: string;
  authority: string;
  material: boolean;
  valid_from?: string;
}

/** A notice as it is in the log: it never changes. */
export interface Notice extends Draft {
  notice_id: string;
  version: number;
  valid_from: string;
  valid_to?: string;
}

export interface RateRow {
  day: string;
  notice_id: string;
  action: string;
  count: number;
}

/** A receipt by ISO/IEC TS 27560, as far as the page shows it. */
export interface Receipt {
  record_id: string;
  receipt_id: string;
  event_state: string;
  event_time: string;
  validity_duration: string;
  language: string;
  gpc: boolean;
  privacy_notice: { notice_id: string; version: number };
  collection_method: { adapter?: string; ui?: string; action?: string };
  proof?: { scheme?: string; id?: string; verified?: boolean };
  purposes: { purpose: string; purpose_version: number; consented: boolean; retention_period: string }[];
  events: { event_id: string; event_time: string; event_state: string }[];
}

/** That an event is in the log. */
export interface Inclusion {
  leaf_index: number;
  leaf: string; // base64
  tree_size: number;
  path: string[]; // base64
  checkpoint: string;
}

/** A criterion of a law or an authority; see ingest/consent's page_assessment.go. */
export interface Criterion {
  id: string;
  law: string;
  says: string;
  how: string;
  by: "turf" | "site" | "both";
  tests?: { name: string; file: string }[];
}

export interface Assessment {
  site: string;
  build: string;
  at: string;
  laws: { id: string; title: string; source: string }[];
  criteria: Criterion[];
  durations: { what: string; days: number; note?: string }[];
}

const at = (site: string): string => `/v1/sites/${encodeURIComponent(site)}`;

async function read<T>(path: string, signal: AbortSignal): Promise<T> {
  return (await call(path, { signal })) as T;
}

export function settings(site: string, signal: AbortSignal): Promise<Settings> {
  return read(`${at(site)}/consent`, signal);
}

export async function saveSettings(site: string, s: Settings): Promise<Settings> {
  return (await send("PUT", `${at(site)}/consent`, s)) as Settings;
}

export async function notices(site: string, signal: AbortSignal): Promise<Notice[]> {
  return (await read<{ notices: Notice[] }>(`${at(site)}/notices`, signal)).notices;
}

export async function addNotice(site: string, draft: Draft): Promise<Notice> {
  return (await send("POST", `${at(site)}/notices`, draft)) as Notice;
}

export async function purposes(site: string, signal: AbortSignal): Promise<Purpose[]> {
  return (await read<{ purposes: Purpose[] }>(`${at(site)}/purposes`, signal)).purposes;
}

export async function addPurpose(site: string, p: Omit<Purpose, "version">): Promise<Purpose> {
  return (await send("POST", `${at(site)}/purposes`, p)) as Purpose;
}

export async function rate(site: string, span: Span, signal: AbortSignal): Promise<RateRow[]> {
  return (await read<{ rows: RateRow[] }>(`${at(site)}/consent/rate?from=${span.from}&to=${span.to}`, signal)).rows;
}

/** How much of the audience consented. It is part of each report over people; this is the smallest of them. */
export async function coverage(site: string, span: Span, signal: AbortSignal): Promise<{ text: string }> {
  const answer = await send("POST", "/api/v1/reports/cohort", { site_id: site, date_range: [span.from, span.to] }, signal);
  return (answer as { coverage: { text: string } }).coverage;
}

export function assessment(site: string, signal: AbortSignal): Promise<Assessment> {
  return read(`${at(site)}/consent/assessment`, signal);
}

export const receiptForms = [
  { id: "27560-jsonld", label: "ISO/IEC TS 27560 (JSON-LD)" },
  { id: "kantara", label: "Kantara (JSON)" },
  { id: "html", label: "For people (HTML)" },
];

export function receiptPath(record: string, form: string): string {
  return `/v1/consent/receipt/${encodeURIComponent(record)}?format=${form}`;
}

export function receipt(record: string, signal: AbortSignal): Promise<Receipt> {
  return read(receiptPath(record, "27560-jsonld"), signal);
}

export function proof(event: string, signal: AbortSignal): Promise<Inclusion> {
  return read(`/v1/consent/proof/${encodeURIComponent(event)}`, signal);
}

/** The newest signed state of the log. */
export function checkpoint(signal: AbortSignal): Promise<string> {
  return read("/v1/log/checkpoint", signal);
}

export function auditPath(site: string, span: Span): string {
  return `/v1/audit/export?${new URLSearchParams({ site, from: span.from, to: span.to })}`;
}

export function assessmentPath(site: string, format: string, lang = ""): string {
  return `${at(site)}/consent/assessment?${new URLSearchParams(lang ? { format, lang } : { format })}`;
}

export function privacyTextPath(site: string, lang: string): string {
  return `${at(site)}/consent/privacy-text?${new URLSearchParams({ lang })}`;
}
