// What to paste for each consent manager. The whole page on each is in ingest/tracker/consent/docs.

export interface Manager {
  id: string; // the adapter's name, as in data-consent; "" where the script finds it by itself
  label: string;
  script: string; // adapters of the script's name
  attributes?: string;
  yes: string; // what is taken for a yes
  where: string;
}

export const managers: Manager[] = [
  { id: "", label: "Whichever there is (found by itself)", script: "", yes: "an explicit yes of all that are found", where: "anywhere in the page" },
  { id: "own", label: "Turf’s own prompt", script: "own", yes: "a click on accept, of what is ticked", where: "anywhere, on sites without a consent manager" },
  { id: "cookiebot", label: "Cookiebot", script: "cookiebot", attributes: 'data-cookieconsent="ignore"', yes: "the category statistics, after an explicit answer", where: "below Cookiebot’s own tag" },
  { id: "usercentrics", label: "Usercentrics (V2, V3)", script: "usercentrics", yes: "the service or category, given explicitly", where: "below Usercentrics’ own tag" },
  { id: "onetrust", label: "OneTrust, CookiePro", script: "onetrust", yes: "the group C0002, after the banner was closed, in an opt-in rule", where: "below OneTrust’s own tag" },
  { id: "tcf", label: "IAB TCF 2.2, 2.3", script: "tcf", yes: "the publisher’s consents 8, 9 and 10", where: "below the manager’s tag" },
  { id: "gpp", label: "IAB GPP", script: "gpp", yes: "the same in its section for Europe", where: "below the manager’s tag" },
  { id: "gcm", label: "Google Consent Mode v2", script: "gcm", attributes: 'data-weak="yes"', yes: "an update of analytics_storage to granted after a default of denied; weak proof has to be accepted above", where: "below the tag that sets it" },
  { id: "cc3", label: "CookieConsent v3", script: "cc3", yes: "the category analytics", where: "below its own script" },
  { id: "klaro", label: "Klaro", script: "klaro", yes: "the service turf, confirmed", where: "below its own script; add a service of the name turf to its configuration" },
  { id: "didomi", label: "Didomi", script: "didomi", yes: "the purposes measure_content_performance, market_research and improve_products", where: "below Didomi’s own tag" },
  { id: "complianz", label: "Complianz", script: "complianz", yes: "the category statistics in an opt-in region", where: "anywhere in the theme" },
  { id: "wpconsent", label: "WP Consent API", script: "complianz", yes: "the category statistics, of the type optin", where: "anywhere in the theme" },
  { id: "cookieyes", label: "CookieYes", script: "cookieyes", yes: "the category analytics", where: "below CookieYes’ own tag" },
  { id: "osano", label: "Osano", script: "osano", yes: "ANALYTICS being ACCEPT, once it was saved", where: "below Osano’s own tag" },
  { id: "cookieconsent", label: "cookieconsent (the older one)", script: "osano", yes: "the status allow, of the type opt-in", where: "below its script; hand it over as window.turfPopup" },
  { id: "manual", label: "Your own: turf.consent(…)", script: "manual", yes: "what you tell it, true only", where: "anywhere; then call turf.consent({events: true, …}) on each page and at each change" },
];

/** The tag for a site. */
export function tagOf(m: Manager, origin: string, site: string): string {
  const named = m.id === "" ? "" : ` data-consent="${m.id}"`;
  const more = m.attributes ? ` ${m.attributes}` : "";
  const script = m.script === "" ? "turf-consent.js" : `turf-consent.${m.script}.js`;
  return `<script defer data-domain="${site}"${named}${more} src="${origin}/js/${script}"></script>`;
}
