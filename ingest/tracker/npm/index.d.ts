/** Properties of an event: names and short values. */
export type Props = Record<string, string | number | boolean>

export interface Revenue {
  /** In units of the currency; a string keeps all digits. */
  amount: number | string
  /** ISO 4217, such as "EUR". */
  currency: string
}

/** An event as it is posted. */
export interface Payload {
  /** Name. */
  n: string
  /** Address of the page. */
  u: string
  /** Site. */
  d?: string
  /** Referrer. */
  r?: string
  /** Properties. */
  p?: Props
  /** Revenue. */
  $?: Revenue
  /** Interactive: false does not end a bounce. */
  i?: boolean
  [key: string]: unknown
}

export interface Config {
  /** The site, as Turf knows it. Without it, the page's host. */
  domain?: string
  /** Where events are posted, such as "https://turf.example.com/api/event". Default: /api/event of the page's own host. */
  endpoint?: string
  /** Count page views, also those of pages that change without loading. Default: true. */
  autoCapturePageviews?: boolean
  /** Count each change of the address's fragment as a page. Default: false. */
  hashBasedRouting?: boolean
  /** Count clicks on links to other hosts. Default: false. */
  outboundLinks?: boolean
  /** Count clicks on links to files: true for the usual types, or the types. Default: false. */
  fileDownloads?: boolean | { fileExtensions: string[] }
  /** Count forms that are sent. Default: false. */
  formSubmissions?: boolean
  /** Count on localhost and in driven browsers too. Default: false. */
  captureOnLocalhost?: boolean
  /** Say on the console when an event is not sent. Default: true. */
  logging?: boolean
  /** Properties of each event. */
  customProperties?: Props | ((name: string) => Props)
  /** Changes an event before it is sent; null keeps it from being sent. Not called for engagement. */
  transformRequest?: (payload: Payload) => Payload | null | undefined
}

export interface EventOptions {
  props?: Props
  revenue?: Revenue
  /** false: the event does not end a bounce. Default: true. */
  interactive?: boolean
  /** The page it happened on, where that is not the address shown. */
  url?: string
  /** Called with the answer's status, with the network's error, or with nothing where nothing was to be sent. */
  callback?: (result?: { status: number } | { error: unknown }) => void
}

/** Starts counting; only the first call does. Does nothing where there is no window, as on a server. */
export function init(config?: Config): void

/** Sends an event. Calls before init, or before the page was shown, wait. */
export function track(name: string, options?: EventOptions): void

/** Stops all counting of this visitor in this browser: one flag is stored, and nothing is sent any more. */
export function optOut(): void

/** Takes optOut back. */
export function optIn(): void
