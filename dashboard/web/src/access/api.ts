// What the server says of who may look at a site, to those who may say so (dashboard/guests.go).

import { call, send } from "../api";

export type Role = "viewer" | "editor";

export interface Guest {
  email: string;
  role: Role;
  accepted: boolean; // has a password
  invitation_url?: string; // told once
  invitation_ends?: string;
}

export interface Access {
  users: string[]; // who see all sites
  guests: Guest[];
  links: string[]; // the names of links with which anybody can look
}

const at = "/api/guests";

export async function access(site: string, signal: AbortSignal): Promise<Access> {
  return (await call(`${at}?site=${encodeURIComponent(site)}`, { signal })) as Access;
}

export async function invite(site: string, email: string, role: Role): Promise<Guest> {
  return (await send("POST", at, { site, email, role })) as Guest;
}

export async function remove(site: string, email: string): Promise<void> {
  await send("DELETE", at, { site, email });
}
