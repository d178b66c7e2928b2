/**
 * The script of the opt-in path: it listens to the site's consent manager, and once the visitor has said yes there and the
 * ledger has it, it loads what measures (../measure.ts). The files of this folder are joined in the order of their names and
 * built as one script (ingest/tracker/build); the lines between "//#if NAME" and "//#end" are in it only where the site has
 * that part.
 *
 * What it must never do: call what gives consent, send or keep anything from before the grant, touch the counting script,
 * throw into the page. Denied is whatever is not an explicit yes: not known, loading, an error, a missing category.
 */

interface Settings {
  [name: string]: string | undefined
  domain?: string
  /** The origin that serves the opt-in path; that of the script where it is left out. */
  api?: string
  /** The managers to listen to, by their names; all that are found where it is left out. */
  consent?: string
  /** The manager's name for the category (service, group, purpose) that statistics are in. */
  category?: string
}

/** What a manager says at this moment. The zero value: not known. */
interface Reading {
  /** The visitor has answered (undefined: not known yet, so nothing is sent and nothing is thrown away). */
  answered?: unknown
  /** The answer was a choice, not a rule of the region. */
  explicit?: unknown
  /** true where the category, or what the manager has for the purpose, is granted. Anything else is no. */
  has?(category: string | undefined, purpose: string): unknown
  /** It can say no and says nothing. */
  neutral?: unknown
  id?: string
  string?: string
  /** When the visitor answered: RFC 3339. */
  created?: string
  scheme?: string
  /** The notice that was answered, where the manager knows ours, and what to do when it is not the current one. */
  notice?: string
  again?(): void
}

interface Adapter {
  name: string
  /** Names of window's or document's events after which to read again. */
  events?: string
  detect(): unknown
  /** Called once, when it is first detected. */
  attach?(): void
  read(): Reading | Promise<Reading>
  /** It knows each purpose by its own name, account_link too. */
  exact?: 1
  attached?: 1
}

/** All managers together: any no wins. */
interface Now {
  known: boolean
  answered: boolean
  /** The visitor objects to all: GPC, DNT, turf.optOut(). */
  objects: unknown
  purposes: string[]
  /** The id may be stored in the browser. */
  storage: boolean
  proof: Reading & { name?: string; exact?: 1 }
}

declare const TAG_ELEMENT: HTMLScriptElement
declare const SETTINGS_JSON: Settings

let win = window as any
let { src, dataset } = TAG_ELEMENT
let settings: Settings = { ...SETTINGS_JSON, ...dataset }
let host = settings.api || new URL(src).origin
let site = settings.domain || location.hostname

let adapters: Adapter[] = []

/** Ends everything that was begun: each listener has its signal. */
let ending = new AbortController()
let { signal } = ending
let on = (types: string, heard: (e: any) => void, target: EventTarget = window) =>
  types.split(' ').forEach((type) => target.addEventListener(type, heard, { capture: true, signal }))
/** until takes something back at the end. */
let until = (back: () => void) => signal.addEventListener('abort', back)

/** swap puts a function in another's place, which goes on being called first, until the end. */
let swap = (owner: any, name: string, after: (args: any[]) => void) => {
  let old = owner[name]
  let ours = (owner[name] = function (this: any, ...args: any[]) {
    let result = old?.apply(this, args)
    after(args)
    return result
  })
  until(() => {
    if (owner[name] == ours) owner[name] = old
  })
}

let get = (key: string): string | undefined => {
  try {
    return localStorage[key]
  } catch {}
  return
}
let put = (key: string, value?: string) => {
  try {
    if (value) localStorage[key] = value
    else delete localStorage[key]
  } catch {}
}
let cookie = (name: string) => {
  let found = document.cookie.split('; ').find((pair) => pair.startsWith(name + '='))
  return found && decodeURIComponent(found.slice(name.length + 1))
}
let iso = (time?: unknown) => {
  let date = new Date((time as number) || 0)
  return +date ? date.toISOString() : undefined
}

/** The flag and date of a visitor who has withdrawn here, whatever the manager says; the counting script's of one who objects. */
const OBJECTION = 'turf_no'
/** The managers said no on this page. */
let refused: unknown

let objects = () => {
  let { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean }
  return globalPrivacyControl || doNotTrack == '1' || get('turf_ignore') == 'true'
}

let read = async (): Promise<Now> => {
  let names = settings.consent?.match(/\w+/g)
  let now: Now = {
    known: !names || names.every((name) => adapters.some((a) => a.name == name)),
    answered: true,
    objects: objects(),
    purposes: ['events', 'journeys', 'heatmap', 'account_link'],
    storage: true,
    proof: {},
  }
  let found
  for (let a of adapters)
    if (!names || names.includes(a.name)) {
      let said: Reading = {}
      try {
        if (a.detect()) {
          if (!a.attached) {
            a.attached = 1
            a.attach?.()
          }
          said = await a.read()
        } else if (!names) continue
      } catch {}
      if (said.neutral) continue
      let says = (purpose: string): boolean => {
        let own = settings['category' + purpose[0]!.toUpperCase() + purpose.slice(1)]
        return (
          said.answered === true &&
          said.explicit === true &&
          !!(own || a.exact || purpose != 'account_link') &&
          said.has!(own || settings.category, purpose) === true
        )
      }
      try {
        now.storage &&= says('storage')
        now.purposes = now.purposes.filter(says)
      } catch {
        said = {}
      }
      if (said.answered == null) now.known = false
      if (!said.answered) now.answered = false
      if (!found) now.proof = { name: a.name, exact: a.exact, ...said }
      found = 1
    }
  if (!found || !now.known) now.purposes = []
  if (!found) now.known = now.answered = false
  let { purposes, answered, proof } = now
  if (answered && now.known && !purposes[0]) refused = 1
  let no = get(OBJECTION)
  if (no && purposes[0]) {
    // A later yes takes the objection back.
    if (refused || proof.created! > no) put(OBJECTION)
    else now.purposes = []
  }
  return now.objects ? { ...now, known: true, answered: false, purposes: [] } : now
}
