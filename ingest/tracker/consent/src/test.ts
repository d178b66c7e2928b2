/**
 * The live test of a site's consent manager, for its owner: on a page whose address ends in "#turf-consent-test" the gate loads
 * this module and does nothing else. It shows which managers are found and what is read from them, as it changes.
 */

interface Reading {
  answered?: unknown
  explicit?: unknown
  has?(category: string | undefined, purpose: string): unknown
  neutral?: unknown
  id?: string
  string?: string
  created?: string
  scheme?: string
}

interface Adapter {
  name: string
  detect(): unknown
  read(): Reading | Promise<Reading>
}

interface Now {
  known: boolean
  answered: boolean
  objects: unknown
  purposes: string[]
  storage: boolean
}

const LOOK_MS = 500
const PURPOSES = ['events', 'journeys', 'heatmap', 'account_link', 'storage']

let make = (tag: string, text: string, css = '') => {
  let e = document.createElement(tag)
  e.textContent = text
  e.style.cssText = css
  return e
}

let yes = (value: unknown) => (value === undefined ? 'not known' : value ? 'yes' : 'no')

/** lines are what is said of one manager. */
let lines = async (a: Adapter, settings: Record<string, string | undefined>): Promise<string[] | undefined> => {
  let said: Reading
  try {
    if (!a.detect()) return
    said = await a.read()
  } catch (error) {
    return ['it is there, and cannot be read: ' + error]
  }
  let granted = PURPOSES.filter((purpose) => {
    let own = settings['category' + purpose[0]!.toUpperCase() + purpose.slice(1)]
    try {
      return said.has!(own || settings.category, purpose) === true
    } catch {
      return
    }
  })
  let { answered, explicit, neutral, id, string, created, scheme = a.name } = said
  return [
    'answered: ' + yes(answered),
    'by a choice, not a rule: ' + yes(explicit),
    'says yes to: ' + (granted.join(', ') || 'nothing'),
    ...(neutral ? ['it can only say no here, and says nothing'] : []),
    'proof: ' + [scheme, id, created, string && string.slice(0, 40) + '…'].filter(Boolean).join(', '),
  ]
}

/** verdict is what the script would do now. */
let verdict = ({ known, answered, objects, purposes, storage }: Now): string => {
  if (objects) return 'The browser objects (Global Privacy Control, Do Not Track or turf.optOut()): nothing would be measured.'
  if (!known) return 'No answer is known yet: nothing would be measured.'
  if (!answered) return 'Nobody has answered yet: nothing would be measured.'
  if (!purposes[0]) return 'No: nothing would be measured.'
  return 'Yes to ' + purposes.join(', ') + ': it would be written into the ledger, ' + (storage ? 'and the id stored.' : 'with the id in memory only.')
}

export default (
  adapters: Adapter[], settings: Record<string, string | undefined>, read: () => Promise<Now>, site: string,
): void => {
  let box = make(
    'section',
    '',
    'position:fixed;top:0;right:0;z-index:2147483647;box-sizing:border-box;width:24em;max-width:100%;max-height:100%;overflow:auto;padding:1em;' +
      'font:14px/1.5 system-ui,sans-serif;text-align:left;color:#222;background:#fff;border:3px solid #2c7535',
  )
  box.id = 'turf-consent-test'
  box.setAttribute('aria-label', 'Turf: test of the consent manager')
  let body = make('div', '')
  let close = make('button', 'Close', 'padding:.4em 1em;font:inherit;color:#fff;background:#222;border:0;cursor:pointer')
  box.append(make('strong', 'Turf: test of the consent manager'), body, close)
  let shown = ''
  let look = async () => {
    let now = await read()
    let parts: [string, string[]][] = []
    let missing: string[] = []
    let wanted = settings.consent?.match(/\w+/g)
    for (let a of adapters) {
      let said = await lines(a, settings)
      if (said) parts.push([a.name + (wanted && !wanted.includes(a.name) ? ' (not named by the tag, so not listened to)' : ''), said])
      else missing.push(a.name)
    }
    let text = JSON.stringify([now, parts, missing])
    if (text == shown) return
    shown = text
    let unknown = wanted?.filter((name) => !adapters.some((a) => a.name == name)) || []
    body.replaceChildren(
      make('p', site + ' · nothing is sent or kept while this is open.', 'margin:.5em 0'),
      make('p', verdict(now), 'margin:.5em 0;font-weight:700'),
      ...(unknown[0] ? [make('p', 'The script has no adapter ' + unknown.join(', ') + '.', 'margin:.5em 0')] : []),
      ...parts.flatMap(([name, said]) => {
        let list = make('ul', '', 'margin:0 0 .5em;padding-left:1.2em')
        list.append(...said.map((line) => make('li', line)))
        return [make('p', 'Found: ' + name, 'margin:.5em 0 0'), list]
      }),
      make('p', 'Not found: ' + (missing.join(', ') || 'none'), 'margin:.5em 0'),
    )
    body.dataset.purposes = now.purposes.join()
    body.dataset.found = parts.map(([name]) => name).join()
  }
  let timer = setInterval(() => look().catch(() => 0), LOOK_MS)
  close.onclick = () => {
    clearInterval(timer)
    box.remove()
  }
  document.body.append(box)
  look().catch(() => 0)
}
