/** What the ledger gave for the grant. It is stored only where storage was granted. */
interface Held {
  cid: string
  token: string
  /** When the token and the consent end, in milliseconds since 1970. */
  expires: number
  until: number
  /** What the ledger granted. */
  purposes: string[]
  /** What the managers granted, and the manager's number of the proof: the same again is not sent again. */
  key: string
  /** The visit: random, and when something was last seen of it (it ends after half an hour). */
  visit: string
  seen: number
}

/** What the ledger knows of a notice (WIRE.md). */
interface Config {
  enabled?: boolean
  notice_id: string
  lang: string
  nonce: string
  texts: Record<string, string>
  purposes: { id: string; text: string }[]
}

/** What measures (../measure.ts). */
interface Measure {
  start(): void
  stop(): void
  record(name: string, props?: Record<string, unknown>, url?: string): void
}

const ID = 'turf_id'
const EVENTS = '/v1/consent/events'
/** The most calls of turf(…) that wait for what measures. */
const MAX_EARLY = 100

/** What was last granted ('': nothing), and whether the managers had said "no answer yet". */
let key = ''
let unanswered = false
/** The managers had their time to load. */
let settled: unknown
let config: Config | undefined
let measure: Measure | undefined
let early: Parameters<Measure['record']>[] = []

let random = (digits: number) => {
  let text = ''
  while (text.length < digits) text += ((Math.random() * 16) | 0).toString(16)
  return text
}

/** post sends JSON as text, which needs no preflight, without cookies, also while the page is left. */
let post = (path: string, body: object, headers?: Record<string, string>) => {
  let text = JSON.stringify(body)
  // The browser refuses more than 64 KB that outlive the page; a character is at most three bytes.
  return fetch(host + path, { method: 'POST', body: text, credentials: 'omit', headers, keepalive: text.length < 2e4 })
}

let load = async () => {
  let lang = document.documentElement.lang || navigator.language
  let url = host + '/v1/consent/config?site=' + encodeURIComponent(site) + '&lang=' + lang.slice(0, 2)
  return (config = (await (await fetch(url, { credentials: 'omit' })).json()) as Config)
}

/** chose is the body for what the visitor chose: purposes, or none and no id. */
let chose = (action: string, now: Now, cid?: string) => {
  let { name = 'own', exact, id, string, created, scheme = name } = now.proof
  let { notice_id, lang, nonce } = config!
  let ids = config!.purposes.map((purpose) => purpose.id).filter((id) => now.purposes.includes(id))
  let yes = ids[0]
  return {
    site,
    notice_id,
    lang,
    purposes: Object.fromEntries(ids.map((id) => [id, true])),
    action,
    explicit: true,
    adapter: { name, version: '1' },
    ui: name == 'manual' ? 'api' : exact ? name : 'cmp',
    proof: yes && { scheme, id: name == 'own' ? nonce : id, string, created, method: 'explicit' },
    occurred_at: yes && (created || iso(Date.now())),
    gpc: false,
    page: yes && location.href.split('#')[0]!.slice(0, 2000),
    cid,
  }
}

/** count adds one to a number of the site: shown, dismissed, refused. No id is sent, and none is made. */
let count = async (action: string, now: Now) => {
  if ((config || (await load())).enabled) await post(EVENTS, chose(action, now))
}

/**
 * forget ends what is measured: nothing queued is sent, nothing of ours is kept. Of what was withdrawn elsewhere, such as on
 * the page about the visitor, the managers know nothing: their old yes is none any more.
 */
let forget = (code?: string) => {
  if (code == 'consent_withdrawn') put(OBJECTION, iso(Date.now()))
  gate.held = undefined
  gate.live = early = []
  measure?.stop()
  put(ID)
}

let withdraw = (token: string, again = 3) => {
  let retry = () => again && setTimeout(withdraw, 5000, token, again - 1)
  post('/v1/consent/withdraw', { token }).then((answer) => answer.status > 499 && retry(), retry)
}

let keep = () => put(ID, gate.stored && gate.held ? JSON.stringify(gate.held) : '')

/** What both scripts know. */
let gate = {
  held: undefined as Held | undefined,
  /** The purposes that are measured for now: none until the ledger has the grant. */
  live: [] as string[],
  /** A number for each change of what is granted. */
  turn: 0,
  /** The id may be in the browser's storage. */
  stored: false,
  /** Whether it still is there: another tab may have withdrawn. */
  gone: () => gate.stored && !get(ID),
  host,
  on,
  swap,
  until,
  random,
  post,
  forget,
  keep,
  check: () => check(),
}

let known = (): Held | undefined => {
  try {
    return gate.held || JSON.parse(get(ID)!)
  } catch {}
  return
}

/** allow has measured what the managers and the ledger grant. */
let allow = (now: Now) => {
  gate.live = now.purposes.filter((purpose) => gate.held!.purposes.includes(purpose))
}

/** begin measures what was granted, once what measures is there. */
let begin = async (now: Now) => {
  let { turn } = gate
  keep()
  measure ||= (await import('' + new URL('turf-consent.measure.js', src))).default(gate) as Measure
  if (turn == gate.turn) {
    allow(now)
    measure.start()
    early.splice(0).forEach((call) => measure!.record(...call))
  }
}

let grant = async (now: Now, as: string) => {
  let mine = ++gate.turn
  let was = known()
  if (was && was.until < Date.now()) was = undefined
  // What is not granted any more ends at once; what is new begins when the ledger has it.
  gate.live = gate.live.filter((purpose) => now.purposes.includes(purpose))
  key = as
  gate.stored = now.storage
  if (now.storage && was?.key == as) {
    gate.held = was
    return begin(now)
  }
  if (!now.storage) put(ID)
  let body: ReturnType<typeof chose> | undefined
  let once = random(32)
  for (let tries = 0; tries < 5; tries++) {
    let answer: Response | undefined
    let said: any
    try {
      if (!(config || (await load())).enabled || mine != gate.turn) return
      let { notice, again } = now.proof
      if (notice && notice != config!.notice_id) return again!()
      body ||= chose('save', now, was?.cid)
      // The notice names nothing of it.
      if (!body.proof) return
      answer = await post(EVENTS, body, { 'Idempotency-Key': once })
      said = await answer.json()
    } catch {}
    let status = answer?.status || 500
    if (status < 300 && said) {
      let { cid, token, token_expires, valid_until, storage, purposes } = said
      if (mine != gate.turn) return key && cid == was?.cid ? undefined : withdraw(token)
      gate.stored &&= storage
      let [expires, until] = [token_expires, valid_until].map(Date.parse) as [number, number]
      let ids = Object.keys(purposes).filter((id) => purposes[id] === true)
      gate.held = { visit: random(16), seen: Date.now(), ...was, cid, token, expires, until, key: as, purposes: ids }
      return begin(now)
    }
    if (mine != gate.turn) return
    if (status < 429) {
      forget(said?.code)
      // A newer notice, or an id that has ended: once more with that, without it.
      if (tries || (status != 409 && status != 410)) return
      config = body = was = undefined
      once = random(32)
    } else await new Promise((done) => setTimeout(done, 2 ** tries * 1e3))
    await check()
    if (mine != gate.turn) return
  }
}

/** step reads the managers, and does what follows from a change. */
let step = async () => {
  let now = await read()
  let { purposes, answered } = now
  if (purposes[0]) {
    let as = purposes + '|' + now.storage + '|' + (now.proof.id || '')
    if (as != key) grant(now, as).catch(() => 0)
    else if (gate.held && measure) allow(now)
  } else if (!now.known) gate.live = []
  else {
    let token = known()?.token
    // A manager that has just begun may not have read its own cookie yet: then the id of the page before is only left alone.
    if (key || (token && (answered || settled || now.objects))) {
      gate.turn++
      key = ''
      if (token) withdraw(token)
      forget()
    } else if (unanswered && answered) count('reject_all', now).catch(() => 0)
  }
  if (now.known) unanswered = !answered
}

/** check takes one step after the other. */
let checking = Promise.resolve()
let check = () => (checking = checking.then((): any => signal.aborted || step()).catch(() => {}))
