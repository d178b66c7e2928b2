/**
 * What measures, once there is a grant: the gate (gate/2_grant.ts) loads this module then and not before. While gate.live
 * has no purpose, nothing is remembered. Texts, values and places of a person's clicks never leave the page: an element is
 * named by where it stands in the markup, and places are added up in the cells of a grid.
 */

interface Held {
  token: string
  expires: number
  visit: string
  seen: number
}

/** What the gate has for it; see there. */
interface Gate {
  held: Held | undefined
  live: string[]
  turn: number
  host: string
  gone(): boolean
  on(types: string, heard: (e: any) => void, target?: EventTarget): void
  swap(owner: object, name: string, after: () => void): void
  until(back: () => void): void
  random(digits: number): string
  post(path: string, body: object): Promise<Response>
  forget(code?: string): void
  keep(): void
  check(): Promise<void>
}

interface Queued {
  n: string
  u: string
  r?: string
  t: number
  q: number
  s: string
  p?: Record<string, string>
  v: string
}

/** The most that waits for the network, and the most of one request (WIRE.md). */
const MAX_QUEUED = 500
const MAX_BATCH = 100
/** How long what was measured waits, and how often that is doubled while the ledger does not answer: to 160 s. */
const FLUSH_MS = 5000
const MAX_DOUBLED = 5
const VISIT_MS = 1800000
/** The visit of what belongs to none, since journeys were not granted. */
const NO_VISIT = '0000000000000000'
/** The most buttons of a page that are said to have been seen, and the most clicks that wait for an answer at once. */
const MAX_SEEN = 50
const MAX_WAITING = 5

/** What a click can be on, what a click in is never a dead one, and what a click in is never one in anger. */
const BUTTONS = 'a,button,summary,input,select,textarea,[role=button],[role=link],[role=tab],[data-turf-click]'
const ANSWERING = 'a,label,input,select,textarea,option,video,audio,iframe,[contenteditable]'
const TYPING = 'input,select,textarea,[contenteditable],[role=spinbutton],[role=slider],[data-turf-no-rage]'

export default (gate: Gate) => {
let { on, random, check, forget } = gate

let queue: Queued[] = []
/** What was sent and has no answer yet, under which number of the grant, and how often that failed. */
let batch: { turn: number; id: string; events: Queued[]; heat: object[] } | undefined
let failed = 0
/** Counts by cell: kind, width, x, y and page. */
let heat = new Map<string, number>()
let sequence = 0
let timer = 0
let sending: unknown
let capturing: unknown

let pageURL = () => location.href.split('#')[0]!

let soon = () => {
  timer ||= window.setTimeout(flush, FLUSH_MS << Math.min(failed, MAX_DOUBLED))
}

/** record queues an event, if its purpose is granted now. */
let record = (n: string, props?: Record<string, unknown>, u = pageURL(), r?: string) => {
  let { held, live } = gate
  let events = live.includes('events')
  let journeys = live.includes('journeys')
  if (!held || !(events || (journeys && n == 'pageview'))) return
  let t = Date.now()
  if (t - held.seen > VISIT_MS) held.visit = random(16)
  held.seen = t
  let p: Record<string, string> | undefined
  for (let name in props) {
    let value = props[name]
    if (value != null && typeof value != 'object') (p ||= {})[name] = '' + value
  }
  queue.push({ n, u, r, t, q: ++sequence, s: journeys ? held.visit : NO_VISIT, p, v: events ? 'events' : 'journeys' })
  if (queue.length > MAX_QUEUED) queue.shift()
  if (failed || queue.length < MAX_BATCH) soon()
  else flush()
}

/** end forgets all; the ledger's answer says why. */
let end = async (answer: Response) => forget((await answer.json().catch(() => 0)).code)

/** fresh sees to a token that is good for a minute more. */
let fresh = async (held: Held) => {
  if (held.expires < Date.now() + 60000) {
    let headers = { Authorization: 'Consent ' + held.token }
    let answer = await fetch(gate.host + '/v1/consent/state', { credentials: 'omit', headers })
    if (held != gate.held) return
    if (answer.status == 410 || answer.status == 401) await end(answer)
    else if (answer.ok) {
      let { token, token_expires } = await answer.json()
      held.token = token
      held.expires = Date.parse(token_expires)
    }
  }
}

/**
 * flush reads the managers again, and sends what waits if they still grant it. One request at a time, and of a batch the
 * same until its answer: the ledger knows it by its id, if it was the answer alone that was lost.
 */
let flush = async () => {
  clearTimeout(timer)
  timer = 0
  await check()
  let { held, turn } = gate
  if (sending || !held || !gate.live[0]) return
  if (gate.gone()) return forget()
  sending = 1
  try {
    await fresh(held)
    if (turn == gate.turn && held == gate.held) {
      // What was made under another grant may hold more than this one allows.
      if (batch?.turn != turn) batch = undefined
      if (!batch && (queue[0] || heat.size))
        batch = {
          turn,
          id: random(32),
          events: queue.splice(0, MAX_BATCH),
          heat: [...heat].slice(0, MAX_BATCH).map(([cell, n]) => {
            let [k, w, x, y, u] = cell.split(' ')
            heat.delete(cell)
            return { u, k, w: +w!, x: +x!, y: +y!, n }
          }),
        }
      if (batch) {
        let { id, events, heat } = batch
        gate.keep()
        failed++
        let answer = await gate.post('/v1/x/events', { id, token: held.token, now: Date.now(), events, heat })
        let { status } = answer
        if (held == gate.held && turn == gate.turn) {
          if (status == 401) held.expires = 0
          else if (status != 429 && status < 500) {
            batch = undefined
            failed = 0
            if (status == 403 || status == 409 || status == 410) await end(answer)
          }
        }
      }
    }
  } catch {}
  sending = 0
  if (batch || queue[0] || heat.size) soon()
}

let stop = () => {
  clearTimeout(timer)
  timer = 0
  capturing = 0
  queue = []
  batch = undefined
  failed = 0
  heat.clear()
  clicks = []
  seer.disconnect()
  answers.disconnect()
}

/** start begins with the page that is open, once it is shown. */
let start = () => {
  if (!capturing) {
    capturing = 1
    path = ''
    show()
  }
}
let show = () => {
  if (capturing && !path && !document.hidden) opened(document.referrer)
}

/** The page that is shown: its path ('': none yet) and address, and the lowest line seen of it in pixels (NaN: it has been counted). */
let path = ''
let page: string
let deepest: number
let opened = (referrer?: string) => {
  path = location.pathname
  page = pageURL()
  deepest = 0
  seen.clear()
  seer.disconnect()
  record('pageview', undefined, page, referrer)
  setTimeout(look, 500)
}
let leave = () => {
  deepen()
  if (deepest) cell('scroll', 0, deepest)
  deepest = NaN
}
let deepen = () => {
  deepest = Math.max(deepest, scrollY + innerHeight)
}
let navigated = () => {
  if (capturing && path && path != location.pathname) {
    leave()
    opened()
  }
}

/** cell counts one in the grid: hundredths of the width, steps of 16 pixels of the height, classes of 160 pixels of width. */
let cell = (kind: string, x: number, y: number) => {
  if (gate.live.includes('heatmap') && heat.size < MAX_QUEUED) {
    let within = (n: number, most: number) => Math.max(0, Math.min(n, most)) | 0
    let width = within(innerWidth / 160, 24) * 160
    let name = [kind, width, within((x * 100) / innerWidth, 99), within(y / 16, 1999), page].join(' ')
    heat.set(name, 1 + (heat.get(name) || 0))
    soon()
  }
}

/** element names one by where it stands in the markup, never by what is written in it: a declared name, or tags from an id on. */
let element = (of: Element) => {
  let key = (of as HTMLElement).dataset?.turfClick
  if (key) return key
  let steps: string[] = []
  for (let e: Element | null = of; e && e != document.body && steps.length < 6; e = e.parentElement) {
    let tag = e.localName
    // An id with a digit may be a person's, or another one tomorrow.
    if (/^[a-z][a-z_-]*$/i.test(e.id)) {
      steps.unshift(tag + '#' + e.id)
      break
    }
    let n = 1
    for (let before = e.previousElementSibling; before; before = before.previousElementSibling)
      if (before.localName == tag) n++
    steps.unshift(tag + (n > 1 ? ':' + n : ''))
  }
  return steps.join('>').slice(0, 200)
}

/** The buttons that were seen of the page: what was seen and never clicked is of interest too. */
let seen = new Set<string>()
let seer = new IntersectionObserver((entries) =>
  entries.forEach(({ isIntersecting, target }) => {
    let key = isIntersecting && seen.size < MAX_SEEN && element(target)
    if (key && !seen.has(key)) {
      seen.add(key)
      record('$seen', { element: key })
    }
  }),
)
let look = () => {
  if (gate.live.includes('events')) document.querySelectorAll(BUTTONS).forEach((e) => seer.observe(e))
}

/** When the page last answered anything, and how many clicks wait for that. */
let answered = 0
let waiting = 0
let answer = () => {
  answered = performance.now()
}
let answers = new MutationObserver(answer)
let clicks: { x: number; y: number; t: number }[] = []

let clicked = (e: MouseEvent) => {
  let target = e.target as Element
  if (!capturing || !gate.live[0] || !target.closest) return
  let { clientX: x, clientY, pageY: y } = e
  let button = target.closest(BUTTONS)
  let key = element(button || target)
  if (button) record('$click', { element: key })
  cell('click', x, y)
  let t = performance.now()
  // Three clicks within 30 pixels and a second. Those on a stepper are meant.
  if (!target.closest(TYPING) && !/^[+−–-]$/.test(button?.textContent?.trim() || '')) {
    clicks = clicks.filter((c) => t - c.t <= 1000 && Math.hypot(c.x - x, c.y - clientY) <= 30)
    clicks.push({ x, y: clientY, t })
    if (clicks.length > 2) {
      clicks = []
      record('$rage', { element: key })
      cell('rage', x, y)
    }
  }
  // A click that the page does not answer within a second.
  if (!target.closest(ANSWERING) && waiting < MAX_WAITING) {
    if (!waiting++) answers.observe(document, { subtree: true, childList: true, attributes: true, characterData: true })
    let { turn } = gate
    setTimeout(() => {
      if (!--waiting) answers.disconnect()
      if (capturing && turn == gate.turn && answered < t) {
        record('$dead', { element: key })
        cell('dead', x, y)
      }
    }, 1000)
  }
}

/** hide sends what is known before the page may end. */
let hide = () => {
  if (capturing) {
    if (path) leave()
    flush()
  }
}

// All that listens to the page ends with the gate.
gate.swap(history, 'pushState', navigated)
on('popstate', navigated)
on('pageshow', (e) => e.persisted && capturing && opened())
on('scroll', deepen)
on('click', clicked)
on('scroll submit input change popstate visibilitychange', answer)
on('selectionchange', () => getSelection()?.isCollapsed || answer(), document)
on('pagehide', hide)
on('visibilitychange', () => (document.hidden ? hide() : show()))
gate.until(stop)
return { start, stop, record }
}
