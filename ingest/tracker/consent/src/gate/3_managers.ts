/**
 * The managers: an adapter each, which is all that knows it. Each is a part of its own; they share nothing. What is odd in
 * them is odd in the managers.
 */

/** What turf.consent({events: true, …}, {id, string, created}) said last. */
let manual: Reading = {}
let consent = (choice?: Record<string, unknown> | false, proof?: Reading) => {
  manual = { ...proof, answered: true, explicit: true, has: (_, purpose) => (choice || {})[purpose] }
  return check()
}
adapters.push({
  name: 'manual',
  exact: 1,
  detect: () => manual.answered,
  read: () => manual,
})

//#if cookiebot
/** Its events come on each page load, and `consented` with any category: only what is read counts. */
let bot: unknown
adapters.push({
  name: 'cookiebot',
  events: 'CookiebotOnConsentReady CookiebotOnAccept CookiebotOnDecline CookiebotOnLoad',
  detect: () => win.Cookiebot?.consent,
  attach() {
    on('CookiebotOnDialogDisplay CookiebotOnConsentReady', () => {
      bot = 1
      check()
    })
  },
  read() {
    let { consent, hasResponse, consentID } = win.Cookiebot
    let saved = cookie('CookieConsent') || ''
    bot ||= hasResponse || document.getElementById('CybotCookiebotDialog')
    return {
      answered: bot ? hasResponse === true : undefined,
      // "-1": outside the regions where it asks, everything is accepted.
      explicit: saved != '-1' && (consent.method || /method:'(\w+)/.exec(saved)?.[1]) == 'explicit',
      has: (category = 'statistics') => consent[category],
      id: consentID == '0' ? undefined : consentID,
      created: iso(+/utc:(\d+)/.exec(saved)?.[1]!),
    }
  },
})
//#end

//#if usercentrics
let ucEvents = 'UC_UI_INITIALIZED UC_CONSENT UC_UI_CMP_EVENT consent_status ucEvent'
adapters.push(
  {
    name: 'usercentrics',
    events: ucEvents,
    detect: () => win.__ucCmp?.getConsentDetails || win.UC_UI?.getServicesBaseInfo,
    async read() {
      let v3 = win.__ucCmp
      if (!v3) {
        let v2 = win.UC_UI
        if (!v2.isInitialized()) return {}
        let services: any[] = v2.getServicesBaseInfo()
        let chosen = (s: any) => s.consent.history?.slice(-1)[0]?.type == 'explicit'
        return {
          answered: services.some(chosen),
          explicit: true,
          has(category = 'functional') {
            let own = services.filter((s) => [s.id, s.name, s.categorySlug].includes(category))
            return own[0] && own.every((s) => s.consent.status === true && chosen(s))
          },
          id: v2.getControllerId(),
        }
      }
      if (!(await v3.isInitialized())) return {}
      let { consent, services, categories } = await v3.getConsentDetails()
      let { type, controllerId, setting, hash, updatedAt } = consent
      return {
        answered: type == 'EXPLICIT',
        explicit: true,
        has(category = 'functional') {
          let service = services[category]?.consent
          return service ? service.given === true && service.type == 'EXPLICIT' : categories[category].state == 'ALL_ACCEPTED'
        },
        id: [controllerId, setting?.id, setting?.version, hash].join(' '),
        created: iso(updatedAt),
      }
    },
  },
)
//#end

//#if onetrust
adapters.push({
  name: 'onetrust',
  events: 'OneTrustGroupsUpdated OTConsentApplied',
  // Before it has loaded, it is an object of settings.
  detect: () => win.OneTrust?.IsAlertBoxClosed && win.OneTrust.GetDomainData && win.OneTrust.OnConsentChanged,
  read() {
    let { OneTrust: one, OnetrustActiveGroups: groups = win.OptanonActiveGroups } = win
    let closed = cookie('OptanonAlertBoxClosed')
    return {
      answered: one.IsAlertBoxClosed() === true && !!closed,
      explicit: one.GetDomainData().ConsentModel.Name == 'opt-in',
      has: (category = 'C0002') => groups.split(',').includes(category),
      id: new URLSearchParams(cookie('OptanonConsent')).get('consentId') || undefined,
      created: iso(closed),
    }
  },
})
//#end

//#if cc3
adapters.push({
  name: 'cc3',
  events: 'cc:onFirstConsent cc:onConsent cc:onChange cc:onModalReady',
  detect: () => win.CookieConsent?.acceptedCategory,
  read() {
    let { getConfig, validConsent, acceptedCategory, getCookie } = win.CookieConsent
    let mode = getConfig('mode')
    return {
      answered: mode && validConsent(),
      explicit: mode == 'opt-in',
      has: (category = 'analytics') => acceptedCategory(category),
      id: getCookie('consentId'),
      created: iso(getCookie('lastConsentTimestamp')),
    }
  },
})
//#end

//#if klaro
/** Before a choice, and after a reset, what is preset counts as consent there: it is none. */
adapters.push({
  name: 'klaro',
  detect: () => win.klaro?.getManager(win.klaroConfig),
  attach() {
    let manager = win.klaro.getManager(win.klaroConfig)
    let watcher = { update: check }
    manager.watch(watcher)
    until(() => manager.unwatch(watcher))
  },
  read() {
    let manager = win.klaro.getManager(win.klaroConfig)
    let { confirmed, config } = manager
    return {
      answered: confirmed,
      explicit: true,
      has(category = 'turf') {
        let { optOut = config.optOut, required = config.required } = config.services.find((s: any) => s.name == category)
        return !optOut && !required && manager.getConsent(category)
      },
    }
  },
})
//#end

//#if didomi
adapters.push({
  name: 'didomi',
  detect: () => win.Didomi?.getCurrentUserStatus,
  attach() {
    win.Didomi.on?.('consent.changed', check)
  },
  read() {
    let d = win.Didomi
    let { purposes, user_id, updated, consent_string } = d.getCurrentUserStatus()
    let every = (ids: string) => ids.split(',').every((id) => purposes[id].enabled === true)
    return {
      answered: !!updated && !d.shouldUserStatusBeCollected?.(),
      explicit: d.isConsentRequired(),
      has: (category, purpose) =>
        every(category || (purpose == 'storage' ? 'cookies' : 'measure_content_performance,market_research,improve_products')),
      id: user_id,
      string: consent_string,
      created: iso(updated),
    }
  },
})
//#end

//#if complianz
adapters.push(
  {
    name: 'complianz',
    events: 'cmplz_status_change cmplz_fire_categories cmplz_revoke',
    detect: () => win.cmplz_has_consent,
    read: () => ({
      answered: cookie('cmplz_banner-status') == 'dismissed',
      explicit: win.complianz.consenttype == 'optin',
      has: (category = 'statistics') => win.cmplz_has_consent(category),
    }),
  },
  {
    name: 'wpconsent',
    events: 'wp_listen_for_consent_change wp_consent_type_defined',
    detect: () => win.wp_has_consent,
    read() {
      let type = win.wp_consent_type
      let answer = (category = settings.category || 'statistics') =>
        cookie((win.consent_api?.cookie_prefix || 'wp_consent') + '_' + category)
      return {
        answered: type && !!answer(),
        explicit: type == 'optin',
        has: (category = 'statistics') => answer(category) == 'allow' && win.wp_has_consent(category),
        scheme: 'complianz',
      }
    },
  },
)
//#end

//#if cookieyes
adapters.push({
  name: 'cookieyes',
  events: 'cookieyes_consent_update cookieyes_banner_load',
  detect: () => win.getCkyConsent,
  read() {
    let { activeLaw, categories, isUserActionCompleted, consentID } = win.getCkyConsent()
    return {
      answered: isUserActionCompleted,
      explicit: activeLaw == 'gdpr',
      has: (category = 'analytics') => categories[category],
      id: consentID || /consentid:([^,]+)/.exec(cookie('cookieyes-consent') || '')?.[1],
    }
  },
})
//#end

//#if osano
/** The hosted one tells what was saved, and nothing where nobody has saved; the older one is handed over by the site. */
let osano: any
let osanoReady: unknown
adapters.push(
  {
    name: 'osano',
    detect: () => win.Osano?.cm?.getConsent,
    attach() {
      let { cm } = win.Osano
      let saved = (choice: unknown) => {
        osano = choice
        osanoReady = 1
        check()
      }
      ;['osano-cm-initialized', 'osano-cm-consent-saved'].forEach((event) => {
        cm.addEventListener(event, saved)
        until(() => cm.removeEventListener?.(event, saved))
      })
    },
    read() {
      let { cm } = win.Osano
      return {
        answered: osanoReady && !!osano,
        explicit: cm.mode == 'production',
        has: (category = 'ANALYTICS') => cm.getConsent()[category] === 'ACCEPT',
      }
    },
  },
  {
    name: 'cookieconsent',
    detect: () => win.turfPopup?.getStatus,
    attach() {
      let { options } = win.turfPopup
      swap(options, 'onStatusChange', check)
      swap(options, 'onRevokeChoice', check)
    },
    read() {
      let { options } = win.turfPopup
      let status = win.turfPopup.getStatus()
      return {
        // "dismiss" closes the box and says nothing.
        answered: ['allow', 'deny'].includes(status),
        explicit: options.type == 'opt-in',
        has: () => status == 'allow',
        scheme: 'osano',
      }
    },
  },
)
//#end

//#if tcf|gpp
/** granted: publisher's consent to the storage (1), or to measuring, statistics and improving (8, 9, 10). */
let granted = (consents: any, purpose: string, first = 0) =>
  purpose != 'account_link' && (purpose == 'storage' ? [1] : [8, 9, 10]).every((n) => consents[n - first] === true)
//#end

//#if tcf
/** While its window is open, what was said before stays so. */
let tc: any
let told: any
adapters.push({
  name: 'tcf',
  detect: () => win.__tcfapi,
  attach() {
    win.__tcfapi('addEventListener', 2, (data: any, ok: boolean) => {
      told = ok && data
      check()
    })
    until(() => win.__tcfapi('removeEventListener', 2, () => {}, told?.listenerId))
  },
  read() {
    let api = win.__tcfapi
    let status
    api('ping', 2, (ping: any) => (status = ping.cmpStatus))
    if (status != 'loaded') return {}
    let now: any
    api('addEventListener', 2, (data: any, ok: boolean) => {
      now ||= ok && data
      api('removeEventListener', 2, () => {}, data.listenerId)
    })
    // One that calls back later has told us of each change.
    now ||= told
    if (now?.cmpStatus != 'loaded') return {}
    if (now.eventStatus != 'cmpuishown') tc = now
    let { gdprApplies, tcString, publisher, purpose: all, vendor } = now.gdprApplies ? tc || {} : now
    let only = settings.vendor
    return {
      answered: gdprApplies === true && !!tcString,
      explicit: true,
      has: (_, purpose) => granted(only ? all.consents : publisher.consents, purpose) && (!only || vendor.consents[only]),
      string: tcString,
    }
  },
})
//#end

//#if gpp
/** The sections of the United States can say no; only that of the TCF can say yes. */
adapters.push({
  name: 'gpp',
  detect: () => win.__gpp,
  attach() {
    let id: unknown
    win.__gpp('addEventListener', (event: any) => {
      id = event.listenerId
      check()
    })
    until(() => win.__gpp('removeEventListener', () => {}, id))
  },
  read() {
    let now: any
    win.__gpp('ping', (ping: any) => (now = ping))
    if (now?.cmpStatus != 'loaded') return {}
    // While it asks, what was said before stays so.
    if (now.signalStatus != 'ready') return !key && now.cmpDisplayStatus == 'visible' ? { answered: false } : {}
    let { applicableSections, parsedSections, gppString } = now
    let has = (name: string) => Object.assign({}, ...[parsedSections[name] || []].flat())
    let out = Object.keys(parsedSections).some((name) => {
      let { SaleOptOut, SharingOptOut, TargetedAdvertisingOptOut, Gpc } = has(name)
      return [SaleOptOut, SharingOptOut, TargetedAdvertisingOptOut].includes(1) || Gpc === true
    })
    let europe = applicableSections.includes(2) && parsedSections.tcfeuv2
    return {
      neutral: !europe && !out,
      answered: true,
      explicit: !out,
      has: (_, purpose) => granted(has('tcfeuv2').PublisherConsents, purpose, 1),
      string: gppString,
    }
  },
})
//#end

//#if gcm
/** A signal, no record: it only says no, unless the site takes it for enough (data-weak). */
let signals = () => (win.dataLayer || []).filter((e: any) => e?.[0] == 'consent' && e[2]?.analytics_storage)
adapters.push({
  name: 'gcm',
  detect: () => signals()[0],
  attach() {
    swap(win.dataLayer, 'push', check)
  },
  read() {
    let first: string | undefined
    let last: string | undefined
    let asked: unknown
    for (let [, kind, { analytics_storage: value }] of signals().map((e: any) => [...e])) {
      if (kind == 'update') {
        last = value
        // Where a region has it granted from the start, nobody knows whether anybody was asked.
        asked = first == 'denied'
      } else if (first != 'granted') first = value
    }
    return {
      neutral: !settings.weak && (last || first) == 'granted',
      answered: !!last,
      explicit: asked,
      has: () => last == 'granted',
    }
  },
})
//#end
