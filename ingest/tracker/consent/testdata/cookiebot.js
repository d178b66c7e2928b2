{
  let saved = { region: '-1', implied: "{stamp:'x',necessary:true,preferences:true,statistics:true,marketing:true,method:'implied',ver:1,utc:1764000000000,region:'nl'}" }[state]
  if (saved) bake('CookieConsent', saved)
  let c = (window.Cookiebot = {
    consent: { necessary: true, preferences: false, statistics: false, marketing: false, stamp: '0', method: null },
    consented: false,
    declined: false,
    hasResponse: false,
    doNotTrack: false,
    consentID: '0',
    regulations: { gdprApplies: true },
    show() {},
    renew() {},
  })
  grantFunctions(c, 'submitCustomConsent')
  let take = (text) => {
    if (text == '-1') Object.assign(c, { consented: true, hasResponse: true, consent: { ...c.consent, preferences: true, statistics: true, marketing: true, method: 'implied' } })
    else if (text == '0') Object.assign(c, { declined: true, hasResponse: true, consent: { ...c.consent, statistics: false, method: 'explicit' } })
    else if (text) {
      let is = (name) => text.includes(name + ':true')
      Object.assign(c, { consented: true, hasResponse: true, consentID: 'AlnxYqDy4pdJ' })
      c.consent = { necessary: true, preferences: is('preferences'), statistics: is('statistics'), marketing: is('marketing'), stamp: c.consentID, method: /method:'(\w+)/.exec(text)[1] }
    }
  }
  let cookieOf = (statistics) =>
    `{stamp:'AlnxYqDy4pdJ',necessary:true,preferences:true,statistics:${statistics},marketing:false,method:'explicit',ver:1,utc:1764000000000,region:'nl'}`
  let load = () => {
    take(baked('CookieConsent'))
    if (state == 'text') c.consent.statistics = 'true'
    if (c.hasResponse) fire(window, 'CookiebotOnConsentReady CookiebotOnLoad ' + (c.consented ? 'CookiebotOnAccept' : 'CookiebotOnDecline'))
    else {
      document.body.append(Object.assign(document.createElement('div'), { id: 'CybotCookiebotDialog' }))
      fire(window, 'CookiebotOnDialogInit CookiebotOnDialogDisplay')
    }
  }
  let save = (text, events) => {
    bake('CookieConsent', text)
    take(text)
    if (events) fire(window, 'CookiebotOnConsentReady ' + events)
  }
  window.cmp = {
    accept: () => save(cookieOf(true), 'CookiebotOnAccept'),
    reject: () => save('0', 'CookiebotOnDecline'),
    // Accepted is what is not statistics.
    deny: () => save(cookieOf(false), 'CookiebotOnAccept'),
    silent: () => take(cookieOf(false)),
    again: () => fire(window, 'CookiebotOnAccept CookiebotOnConsentReady CookiebotOnTagsExecuted'),
  }
  addEventListener('load', load)
}
