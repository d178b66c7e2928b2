/** The own prompt, for sites without a manager: a panel in the page, in nobody's way. No answer is no. */

//#if own
/** What was answered, and when, for half a year; of a refusal that is all there is. */
let CHOICE = 'turf_choice'
let ASK_AFTER_MS = 182 * 864e5
let choice: { yes: string[]; at: string; notice?: string | undefined } | undefined
let panel: HTMLElement | undefined
let link: HTMLElement | undefined
let chosen = () => {
  try {
    choice = JSON.parse(get(CHOICE)!)
  } catch {}
  return choice && Date.now() - Date.parse(choice.at) < ASK_AFTER_MS ? choice : undefined
}

let make = (tag: string, props: object, ...within: Node[]) => {
  let e = Object.assign(document.createElement(tag), props)
  e.append(...within)
  return e as HTMLElement
}

/** prompted is what is counted of the prompt: that it was shown, or closed without an answer. */
let prompted = (action: string) =>
  count(action, { purposes: [], proof: { name: 'own', exact: 1 } } as unknown as Now).catch(() => 0)

let shut = () => {
  panel?.remove()
  panel = undefined
}

let choose = (yes: string[]) => {
  choice = { yes, at: iso(Date.now())!, notice: yes[0] ? config?.notice_id : undefined }
  put(CHOICE, JSON.stringify(choice))
  shut()
  check()
}

let ask = async () => {
  if (panel || objects()) return
  let { enabled, texts, purposes, lang } = config || (await load())
  if (panel || !enabled) return
  let boxes = purposes.map(({ id, text }) => {
    let box = make('input', { type: 'checkbox', name: id, onchange: ticked }) as HTMLInputElement
    return { box, label: make('label', {}, box, ' ' + text as unknown as Node) }
  })
  let button = (text: string | undefined, onclick: () => void) => {
    let e = make('button', { type: 'button', textContent: text, onclick })
    e.style.cssText = 'flex:1;max-width:20em;padding:.6em;font:inherit;color:#fff;background:#222;border:0;cursor:pointer'
    return e
  }
  let ids = () => boxes.filter(({ box }) => box.checked).map(({ box }) => box.name)
  let accept = button(texts.accept, () => choose(ids()[0] ? ids() : boxes.map(({ box }) => box.name)))
  function ticked() {
    accept.textContent = (ids()[0] ? texts.save : texts.accept)!
  }
  let row = make('div', {}, accept, button(texts.reject, () => choose([])))
  row.style.cssText = 'display:flex;flex-wrap:wrap;gap:.6em'
  panel = make(
    'section',
    { ariaLabel: texts.title, lang, id: 'turf-consent' },
    make('strong', { textContent: texts.title }),
    make('p', { textContent: texts.body }),
    ...boxes.map(({ label }) => make('div', {}, label)),
    row,
  )
  panel.style.cssText =
    'position:sticky;bottom:0;z-index:99;padding:1em;font:1rem/1.5 system-ui,sans-serif;color:#222;background:#fff;border-top:2px solid #222'
  document.body.append(panel)
  prompted('shown')
}

adapters.push({
  name: 'own',
  exact: 1,
  // Where managers are found by themselves, it asks only if it is the only one there is.
  detect: () => settings.consent || adapters.length < 3,
  attach() {
    let made = make('button', { type: 'button' })
    link = document.querySelector<HTMLElement>('[data-turf-choices]') || document.body.appendChild(made)
    on('click', () => (chosen()?.yes[0] ? choose([]) : ask()), link)
    on('keydown', (e: KeyboardEvent) => {
      if (panel && e.key == 'Escape') {
        shut()
        prompted('dismiss')
        try {
          sessionStorage.turf_later = 1
        } catch {}
      }
    })
    until(() => {
      shut()
      made.remove()
    })
    let wait
    try {
      wait = sessionStorage.turf_later
    } catch {}
    if (!wait && !chosen()) ask()
  },
  read() {
    let c = chosen()
    link!.textContent = c?.yes[0] ? settings.unlink || 'Withdraw consent' : settings.link || 'Privacy choices'
    return {
      answered: !!c,
      explicit: true,
      has: (_, purpose) => purpose == 'storage' || c?.yes.includes(purpose),
      created: c?.at,
      notice: c?.notice,
      again() {
        put(CHOICE)
        choice = undefined
        check().then(ask)
      },
    }
  },
})
//#end
