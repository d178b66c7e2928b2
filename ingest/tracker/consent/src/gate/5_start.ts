/** What the page sees: turf.consent, turf.withdraw, turf.identify, turf.end, and the events that it tells the counting script. */

//#if cookiebot|usercentrics|onetrust|cc3|klaro|didomi|complianz|cookieyes|osano|tcf|gpp|gcm
/** The owner looks at what is read here (../test.ts): nothing else is done. */
if (location.hash == '#turf-consent-test') {
  check = count = async () => {}
  import('' + new URL('turf-consent.test.js', src)).then((test) => test.default(adapters, settings, read, site))
}
//#end

/** hear puts a function in the place of the counting script's, which goes on being called, whenever that comes. */
let hear = (name: string) => {
  let counting = win[name]
  let heard = Object.assign((...call: any[]) => {
    let [event, options] = call
    let told: Parameters<Measure['record']> = [event, options?.props, options?.url || options?.u]
    if (gate.live[0]) measure!.record(...told)
    else if (gate.held && early.length < MAX_EARLY) early.push(told)
    return counting ? counting(...call) : void (heard.q ||= []).push(call)
  }, counting) as any
  try {
    Object.defineProperty(win, name, {
      configurable: true,
      get: () => heard,
      // Pages write turf = turf || …, too.
      set: (script) => script == heard || Object.assign(heard, (counting = script)),
    })
    until(() => {
      delete heard.end
      Object.defineProperty(win, name, { configurable: true, writable: true, value: counting && Object.assign(counting, heard) })
    })
  } catch {
    win[name] = heard
  }
  return heard
}

let turf = hear('turf')
if (win.plausible) hear('plausible')
turf.consent = consent
// What was said before this script was there.
if (win.turfConsent) consent(...(win.turfConsent as Parameters<typeof consent>))
turf.withdraw = () => {
  put(OBJECTION, iso(Date.now())!)
  return check()
}
/** What is stored about the visitor, and the end of it. The id goes there after the "#", which no server sees. */
turf.me = () => (win.location = host + '/v1/consent/me?site=' + site + '#' + known()?.cid)
turf.identify = (user: string) =>
  gate.live.includes('account_link') && post('/v1/x/identify', { user }, { Authorization: 'Consent ' + gate.held!.token })
/** What is known now, for whoever sets it up. */
turf.state = () => check().then(read)
turf.end = () => ending.abort()
on('click', (e) => e.target.closest?.('[data-turf-withdraw]') && turf.withdraw())
on('click', (e) => e.target.closest?.('[data-turf-me]') && turf.me())
adapters.forEach((a) => {
  if (a.events) [window, document].forEach((target) => on(a.events!, check, target))
})
/** The managers may come later: they are looked for with growing pauses, half a minute. */
let poll = (wait: number, left: number) => {
  if (!signal.aborted)
    check().then(() => {
      if (left > 0) setTimeout(poll, wait, Math.min(wait * 2, 5000), left - wait)
      else {
        settled = 1
        check()
      }
    })
}
poll(100, 30000)
