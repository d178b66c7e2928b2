/**
 * The tracking script. One source for all its forms: the lines between "//#if CONDITION" and "//#end" are in a form only
 * where the condition holds. A condition is names joined by "|", each perhaps with "!" before it.
 *
 * Flavours, decided when the script is built (../build): `turf` is ours, `legacy` is for tags of Plausible's older
 * scripts, `init` for its newer ones, which wait for plausible.init(…), `npm` for the npm package. GLOBAL stands for the
 * global's name. Parts, decided for each request (../tracker.go): all other names.
 *
 * A part's condition encloses whole statements. No statement of a flavour may follow a `return` that always happens, and
 * one that returns early returns a value: else the minifier moves code across the border of a part, and the build says so.
 *
 * It is written to be small, and what is short here is short on the wire. What it must never do: change the page, throw
 * into it, read its layout before the visitor scrolls or leaves, store anything but the flag of a visitor who objects.
 */

interface Revenue {
  amount: number | string
  currency: string
}

type Props = Record<string, unknown>
type Done = (result?: { status: number } | { error: unknown }) => void

interface EventOptions {
  /** Properties of the event: names and short values. */
  props?: Props
  /** What the event is worth. */
  revenue?: Revenue | false
  /** false: the event does not end a bounce. */
  interactive?: boolean
  /** The page it happened on, where that is not the address shown. */
  url?: string
  u?: string
  /** Called with the answer's status, the network's error, or nothing where nothing was to be sent. Not in `turf`. */
  callback?: Done
}

type Track = (name: string, options?: EventOptions) => unknown

/** The global: a function, and before this script came a stub that keeps the calls in q and the options of init in o. */
interface Global extends Track {
  q?: [string, EventOptions?][]
  o?: Config
  /** Loaded. */
  l?: unknown
  init?(config?: Config): void
  optOut?(): void
  optIn?(): void
}

interface Config {
  domain?: string
  endpoint?: string
  autoCapturePageviews?: boolean
  hashBasedRouting?: boolean
  outboundLinks?: boolean
  fileDownloads?: boolean | { fileExtensions: string[] }
  formSubmissions?: boolean
  captureOnLocalhost?: boolean
  logging?: boolean
  customProperties?: Props | ((name: string) => Props)
  transformRequest?(body: Body): Body | null | undefined
}

/** What an event may have beside its name, page and site. JSON leaves out what is undefined. */
interface Fields {
  [long: string]: unknown
  r?: string
  p?: Props | undefined
  i?: boolean | undefined
  $?: Revenue | false | undefined
  h?: number
  sd?: number
  e?: number
  tz?: string
  w?: number
}

interface Body extends Fields {
  n: string
  u: string
  d: string | undefined
}

/** The form takes a configuration at run time: flavours init and npm. */
declare const INIT: boolean
/** The form is for tags of Plausible's: flavours legacy and init. */
declare const LEGACY: boolean
/** What the server fills in. */
declare const TAG_ELEMENT: HTMLScriptElement
declare const DOMAIN_TEXT: string
/** The path on the script's own host to which it posts. */
declare const EVENT_PATH: string
declare const ENDPOINT_TEXT: string
declare const CONFIG_JSON: Config
/** What the names of the tag's attributes begin with that are properties of each event. */
declare const PROPS: string
/** The name of an event's properties on the wire. */
declare const PROPS_KEY: string

declare global {
  interface Window {
    GLOBAL?: Global
    // What programs that drive a browser leave on the page.
    _phantom?: unknown
    __nightmare?: unknown
    Cypress?: unknown
    /** Plausible's own: counts all the same. */
    __plausible?: unknown
  }
  interface Navigator {
    globalPrivacyControl?: boolean
  }
}
export {}

//#if npm
/** What is called before init waits here. On a server nothing does: there is no init that counts, and no end of calls. */
let early: [string, EventOptions?][] = []
let instance: ReturnType<typeof begin> | undefined
let inBrowser = typeof window != 'undefined'

/** Starts counting, once. Without a window (on a server) it does nothing. */
export let init = (config: Config = {}) => {
  if (!instance && inBrowser) instance = begin(config)
}
export let track: Track = (...call) => (instance ? instance.track(...call) : inBrowser && early.push(call))
export let optOut = () => object(true)
export let optIn = () => object(false)

//#if optout
/** The objection of a visitor whose browser stores nothing. */
let objected: unknown
let object = (objects: boolean) => {
  try {
    if (objects) localStorage.GLOBAL_ignore = objects
    else delete localStorage.GLOBAL_ignore
  } catch {
    objected = objects
  }
}
//#end

let begin = (config: Config) => {
let endpoint: string | URL = config.endpoint || '/api/event'
let domain = config.domain
let calls = early
//#end
//#if !npm
let { src, dataset } = TAG_ELEMENT
let endpoint: string | URL = dataset.api || new URL(EVENT_PATH, src)
let domain = dataset.domain
let calls = window.GLOBAL?.q || []
//#end
//#if init
let config = CONFIG_JSON
//#end
//#if turf|legacy
declare const config: Config // only read where INIT is true
//#end

let loc = location
let on = addEventListener
/** The path last counted; none until the page has been shown, and until then calls wait. */
let path: string | undefined
/** Requests under way. */
let pending = 0

/** ignored reports whether nothing is to be sent: the owner's machine, a driven browser, an objection. */
let ignored = () => {
  //#if !local|init|npm
  if ((!INIT || !config.captureOnLocalhost) && /^(localhost|127\..+|\[::1])?$/.test(loc.hostname)) return 1
  //#end
  //#if optout
  if (objected) return 1
  //#if !strict
  try {
    if (localStorage.GLOBAL_ignore == 'true') return 1
  } catch {}
  //#end
  //#end
  //#if gpc
  if (navigator.globalPrivacyControl) return 1
  //#end
  //#if dnt
  if (navigator.doNotTrack == '1') return 1
  //#end
  //#if !strict
  //#if !local|init|npm
  if (
    //#if turf
    navigator.webdriver
    //#end
    //#if !turf
    (!INIT || !config.captureOnLocalhost) &&
    (navigator.webdriver || window._phantom || window.__nightmare || window.Cypress) &&
    !window.__plausible
    //#end
  )
    return 1
  //#end
  //#end
  return
}

/** send posts an event, unless nothing is to be sent. The body is sent as text/plain, which needs no preflight. */
let send = (
  n: string,
  u: string,
  fields: Fields,
  //#if !turf
  done?: Done,
  //#end
): unknown => {
  //#if timezone|screen
  // Nothing is read of the browser of a visitor who objects.
  if (n == 'pageview' && !ignored()) {
    //#if timezone
    fields.tz = Intl.DateTimeFormat().resolvedOptions().timeZone
    //#end
    //#if screen
    fields.w = screen.width
    //#end
  }
  //#end
  if (!ignored()) {
    let sent = fetch(endpoint, {
      body: JSON.stringify({ n, u, d: domain, ...fields }),
      method: 'POST',
      credentials: 'omit',
      // The browser refuses more than 64 KB of requests that outlive the page; so only 20 at once may.
      keepalive: pending++ < 20,
    })
    //#if !turf
    sent.then(
      ({ status }) => done?.({ status }),
      (error: unknown) => navigator.onLine && done?.({ error }),
    )
    //#end
    return sent
      .catch(() => {
        // A request that failed while the network was away has not been received: it is sent again when it is back.
        navigator.onLine ||
          on(
            'online',
            () =>
              send(
                n,
                u,
                fields,
                //#if !turf
                done,
                //#end
              ),
            { once: true },
          )
      })
      .finally(() => pending--)
  }
  //#if init|npm
  if (config.logging != false) console.warn('Ignoring Event: ' + n)
  //#end
  //#if !turf
  done?.()
  //#end
  return
}

let event: Track = (name, o) => {
  let url = o?.url || loc.href.split('#')[0]!
  //#if hash|init|npm
  if (!INIT || config.hashBasedRouting) url = o?.url || loc.href
  //#end
  //#if !turf
  url = o?.u || url
  //#end
  //#if engagement
  if (name == 'pageview') {
    leave()
    page = !ignored() && url
    depth = engaged = deepest = 0
  }
  //#end
  return send(
    name,
    url,
    //#if turf
    // The options' own names are names of the interface too.
    { r: document.referrer, ...o },
    //#end
    //#if !turf
    { r: document.referrer, p: o?.props, i: o?.interactive, $: o?.revenue },
    //#end
    //#if !turf
    o?.callback,
    //#end
  )
}

/** The address of the page that is being read. */
let page: string | false | undefined
let look = () => {
  //#if engagement
  let now = performance.now()
  if (since) engaged += now - since
  since = !document.hidden && document.hasFocus() && now
  //#end
}

/** leave sends what is known of the page that is left, if more of it was seen or three more seconds were spent on it. */
let leave = () => {
  //#if engagement
  if (page) {
    look()
    let sd = Math.ceil((scrolled() * 100) / document.documentElement.scrollHeight)
    if (sd > deepest || engaged > 3000) {
      send('engagement', page, { sd: (deepest = sd), e: engaged | 0 })
      engaged = 0
    }
  }
  //#end
}

let navigated = () => {
  let now = loc.pathname
  //#if hash|init|npm
  if (!INIT || config.hashBasedRouting) now += loc.hash
  //#end
  if (path != now) {
    path = now
    event('pageview')
  }
}

let shown = () => {
  if (document.hidden) leave()
  else if ((look(), !path)) {
  //#if vitals
  watch()
  //#end
  //#if !manual|init|npm
  //#if init|npm
  if (config.autoCapturePageviews != false) {
  //#end
  let push = history.pushState
  history.pushState = (...args) => {
    push.apply(history, args)
    navigated()
  }
  on('popstate', navigated)
  on('pageshow', (e) => (e as PageTransitionEvent).persisted && event('pageview'))
  navigated()
  //#if init|npm
  }
  //#end
  //#end
  //#if manual|init|npm
  path ||= '-'
  //#end
  //#if notfound
  let answer = performance.getEntriesByType('navigation')[0] as { responseStatus?: number } | undefined
  if (answer?.responseStatus == 404) event('404', { props: { path: loc.pathname }, interactive: false })
  //#end
  calls.forEach((call) => event(...call))
  }
}

// From here on are the parts that are declared apart, together, so that all above is one statement.

//#if domain
domain ||= DOMAIN_TEXT
//#end
//#if endpoint
endpoint = ENDPOINT_TEXT
//#end
//#if turf|legacy
//#if props
let { attributes } = TAG_ELEMENT
//#end
//#end
//#if legacy
//#if downloads
let fileTypes = TAG_ELEMENT.getAttribute('file-types')
let addFileTypes = TAG_ELEMENT.getAttribute('add-file-types')
//#end
//#end
//#if !npm
//#if optout
/** The objection of a visitor whose browser stores nothing. */
let objected: unknown
let object = (objects: boolean) => {
  //#if strict
  objected = objects
  //#end
  //#if !strict
  try {
    if (objects) localStorage.GLOBAL_ignore = objects
    else delete localStorage.GLOBAL_ignore
  } catch {
    objected = objects
  }
  //#end
}
//#end
//#end

//#if !npm
//#if exclusions|mask
/** glob is a pattern for paths as a regular expression: "*" is any text without a slash, "**" any text. */
let glob = (pattern: string) =>
  pattern
    .trim()
    .replace(/[.+?^$()|[\]{}\\]/g, '\\$&')
    .replace(/\*+/g, (stars) => (stars[1] ? '[^?#]*' : '[^/?#]*'))
//#end
//#if exclusions
let listed = (patterns: string | undefined, path: string) =>
  patterns?.split(',').some((pattern) => new RegExp('^' + glob(pattern) + '/?$').test(path))
//#end

//#end

//#if exclusions|mask|props|hash|init|npm
/** What some parts do to each event before it is sent. */
let post = send
send = (
  n,
  u,
  fields,
  //#if !turf
  done,
  //#end
) => {
  //#if init|npm
  // It was here before, and waited for the network.
  if ('n' in fields) return post(n, u, fields, done)
  //#end
  //#if !npm
  //#if mask
  dataset.mask?.split(',').forEach((pattern) => {
    u = u.replace(new RegExp('^([^/]*//[^/]*)' + glob(pattern) + '(?=[/?#]|$)'), (_, origin: string) => {
      return origin + pattern.trim().replace(/\*+/g, ':id')
    })
  })
  // The page before, and the page of a form or a 404, are named unmasked.
  if (fields.r?.startsWith(loc.origin)) fields.r = ''
  let props = fields[PROPS_KEY] as Props | undefined
  if (props?.path) fields[PROPS_KEY] = { ...props, path: new URL(u).pathname }
  //#end
  //#if exclusions
  let { pathname, hash } = new URL(u, loc.href)
  //#if hash
  pathname += hash
  //#end
  if (
    (!LEGACY || n == 'pageview' || n == 'engagement') &&
    ((dataset.include && !listed(dataset.include, pathname)) || listed(dataset.exclude, pathname))
  ) {
    //#if !turf
    done?.()
    //#end
    return 1
  }
  //#end
  //#end
  //#if turf|legacy
  //#if props
  let own: Props = {}
  for (let { name, value } of attributes) if (name.startsWith(PROPS)) own[name.slice(PROPS.length)] = value
  fields[PROPS_KEY] = { ...own, ...(fields[PROPS_KEY] as Props) }
  //#end
  //#end
  //#if init|npm
  let { customProperties } = config
  if (n != 'engagement')
    fields.p = { ...(typeof customProperties == 'function' ? customProperties(n) : customProperties), ...fields.p }
  //#end
  //#if hash|init|npm
  if (!INIT || config.hashBasedRouting) fields.h = 1
  //#end
  //#if init|npm
  if (config.transformRequest && n != 'engagement') {
    let changed = config.transformRequest({ n, u, d: domain, ...fields })
    if (!changed) {
      done?.()
      return 1
    }
    fields = changed
  }
  //#end
  return post(
    n,
    u,
    fields,
    //#if !turf
    done,
    //#end
  )
}
//#end

//#if engagement
/** Milliseconds of attention since they were last sent, and the time of the last look (0: nobody is looking). */
let engaged = 0
let since: number | false = 0
/** The lowest line seen, in pixels, and the depth sent last, in per cent. */
let depth = 0
let deepest = 0
let scrolled = () => (depth = Math.max(depth, scrollY + innerHeight))
//#end

//#if tagged
/** tagged sends the event that an element's markup names, if there is an element and a name. */
let tagged = (element: Element | null | undefined, url?: string) => {
  let props: Record<string, string> = {}
  //#if turf|npm
  for (let { name, value } of element?.attributes || []) if (name.startsWith('data-turf-')) props[name.slice(10)] = value
  let { event: name, revenue: amount, currency, click, ...rest } = props as Record<string, string>
  return name && (event(name, { props: rest, revenue: !!currency && { amount: amount!, currency } }), 1)
  //#end
  //#if legacy|init
  let revenue: Record<string, string> = {}
  element?.classList.forEach((text) => {
    let found = /^plausible-(event|revenue)-(.+?)(?:=|--)(.+)/.exec(text)
    if (found) (found[1] == 'event' ? props : revenue)[found[2]!] = found[3]!.replace(/\+/g, ' ')
  })
  let { name, ...rest } = props as Record<string, string>
  return (
    name &&
    (event(name, {
      props: url ? { url, ...rest } : rest,
      revenue: !!revenue.currency && { amount: revenue.amount!, currency: revenue.currency },
    }),
    1)
  )
  //#end
}
//#end
//#if outbound|downloads|tagged|clicks|init|npm
// Listeners are called before the page's own, so that an event belongs to the page it happened on.
let clicked = (e: Event) => {
  let target = e.target as Element
  if ((e as MouseEvent).button < 2 && target.closest) {
    let link = target.closest('a')
    //#if clicks
    //#if turf
    let declared = target.closest<HTMLElement>('[data-turf-click]')
    if (declared) event('Click', { props: { element: declared.dataset.turfClick } })
    //#end
    //#end
    //#if tagged
    if (
      tagged(
        target.closest(LEGACY ? '[class*=plausible-event-name]:not(form)' : '[data-turf-event]:not(form)'),
        link?.href,
      )
    )
      return 1
    //#end
    //#if outbound|downloads|init|npm
    // What links to a page or a mailbox has a host or not.
    if (link?.host) {
      //#if outbound|init|npm
      if ((!INIT || config.outboundLinks) && link.host != loc.host) {
        event('Outbound Link: Click', { props: { url: link.href } })
        return 1
      }
      //#end
      //#if downloads|init|npm
      let types =
        'pdf,xlsx,docx,txt,rtf,csv,exe,key,pps,ppt,pptx,7z,pkg,rar,gz,zip,avi,mov,mp4,mpeg,wmv,midi,mp3,wav,wma,dmg'
      //#if turf|legacy
      //#if turf
      types = (dataset.fileTypes || types) + ',' + dataset.addFileTypes
      //#end
      //#if legacy
      types = (dataset.fileTypes || fileTypes || types) + ',' + addFileTypes
      //#end
      //#end
      //#if init|npm
      if (typeof config.fileDownloads == 'object') types = config.fileDownloads.fileExtensions + ''
      //#end
      if ((!INIT || config.fileDownloads) && types.split(',').includes(link.pathname.split('.').pop()!.toLowerCase()))
        event('File Download', { props: { url: link.href.split(/[?#]/)[0] } })
      //#end
    }
    //#end
  }
}
on('click', clicked, true)
on('auxclick', clicked, true)
//#end
//#if forms|tagged|init|npm
on(
  'submit',
  (e) => {
    //#if tagged
    if (tagged(e.target as Element)) return 1
    //#end
    //#if forms|init|npm
    if (!INIT || config.formSubmissions) event('Form: Submission', { props: { path: loc.pathname } })
    //#end
  },
  true,
)
//#end

//#if vitals
/**
 * How fast the page was: LCP, FCP, TTFB and INP in milliseconds, CLS in thousandths. They are sent once, when the page is
 * first hidden, for the page that was loaded. INP is the 98th percentile of the interactions, CLS the worst five seconds without a second's pause.
 */
let vitals: Record<string, number> = {}
/** The longest interactions, the longest first, and the number of all of them. */
let slowest: { id: number; duration: number }[] = []
let interactions = 0
let lastInteraction = 0
let shift = 0
let shiftStart = 0
let shiftEnd = 0
let observe = (type: string, seen: (entry: any) => void) => {
  try {
    let options = { type, buffered: true, durationThreshold: 40 }
    new PerformanceObserver((list) => list.getEntries().forEach(seen)).observe(options)
  } catch {}
}
/** A page made before it was shown (prerendered) begins when it is shown. */
let time = (at: number) => Math.max(0, Math.round(at - (vitals.start || 0)))
let rate = (url: string) => {
  let { start, ...seen } = vitals
  let worst = slowest[Math.min(slowest.length - 1, (interactions / 50) | 0)]
  if (worst) seen.inp = Math.round(worst.duration)
  if (Object.keys(seen).length) send('vitals', url, { vitals: seen })
}
let watch = () => {
  observe('navigation', (e) => {
    vitals.start = e.activationStart
    vitals.ttfb = time(e.responseStart)
  })
  observe('paint', (e) => {
    if (e.name == 'first-contentful-paint') vitals.fcp = time(e.startTime)
  })
  observe('largest-contentful-paint', (e) => {
    vitals.lcp = time(e.startTime)
    vitals.cls ||= 0
  })
  observe('layout-shift', (e) => {
    if (!e.hadRecentInput) {
      if (e.startTime - shiftEnd > 1000 || e.startTime - shiftStart > 5000) {
        shift = 0
        shiftStart = e.startTime
      }
      shiftEnd = e.startTime
      shift += e.value
      vitals.cls = Math.max(vitals.cls || 0, Math.round(shift * 1000))
    }
  })
  observe('event', ({ interactionId: id, duration }) => {
    if (id) {
      if (id > lastInteraction) {
        lastInteraction = id
        interactions++
      }
      let known = slowest.find((one) => one.id == id)
      if (known) known.duration = Math.max(known.duration, duration)
      else slowest.push({ id, duration })
      slowest.sort((a, b) => b.duration - a.duration).splice(10)
    }
  })
  let url = loc.href.split('#')[0]!
  //#if hash|init|npm
  if (!INIT || config.hashBasedRouting) url = loc.href
  //#end
  on('visibilitychange', () => rate(url), { once: true })
}
//#end

//#if init|npm
let api: Global =
//#end
//#if turf|legacy
window.GLOBAL =
//#end
  (...call) => (path ? event(...call) : calls.push(call))
//#if engagement
on('scroll', scrolled)
on('focus', look)
on('blur', look)
//#end
//#if init
let early = window.GLOBAL
let waiting = 1
api.init = (options) => {
  if (waiting) {
    waiting = 0
    Object.assign(config, options)
    endpoint = config.endpoint || endpoint
    domain = config.domain || domain
    on('visibilitychange', shown)
    shown()
  }
}
//#end
//#if init
window.GLOBAL = api
//#end
//#if !npm
//#if once
window.GLOBAL.l = 1
//#end
//#if optout
window.GLOBAL.optOut = () => object(true)
window.GLOBAL.optIn = () => object(false)
//#end
//#end
//#if init
if (early?.o) api.init(early.o)
//#end
//#if !init
on('visibilitychange', shown)
shown()
//#end
//#if npm
return { track: api }
}
//#end
