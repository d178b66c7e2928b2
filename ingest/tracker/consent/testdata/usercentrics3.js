{
  let given = JSON.parse(localStorage.uc || 'null')
  let implicit = state == 'implicit' || state == 'noneu'
  let details = () => ({
    consent: {
      status: given ? 'ALL_ACCEPTED' : 'ALL_DENIED',
      // A list of differences, whose meaning turns with the status.
      serviceIds: ['turf1'],
      required: state != 'noneu',
      version: 2,
      controllerId: 'ctl',
      language: 'nl',
      createdAt: 1764000000000,
      updatedAt: 1764000000000,
      updatedBy: given == null ? (state == 'noneu' ? 'onNonEURegion' : 'onInitialPageLoad') : 'onUpdateServices',
      setting: { id: 'set', type: 'GDPR', version: '1.2.3' },
      type: given == null ? 'IMPLICIT' : 'EXPLICIT',
      hash: 'h1',
    },
    services: { turf1: { name: 'Turf', version: '1', category: 'functional', essential: false, consent: { given: given ?? implicit, type: given == null ? 'IMPLICIT' : 'EXPLICIT' } } },
    categories: {
      essential: { state: 'ALL_ACCEPTED', dps: [] },
      functional: { state: given || implicit ? 'ALL_ACCEPTED' : 'ALL_DENIED', dps: [] },
    },
  })
  let u = (window.__ucCmp = {
    isInitialized: async () => state != 'loading',
    getConsentDetails: async () => {
      if (state == 'broken') throw new Error('no details')
      return details()
    },
    getControllerId: async () => 'ctl',
    showSecondLayer: async () => {},
  })
  grantFunctions(u, 'acceptAllConsents updateServicesConsents saveConsents')
  let save = (value, type) => {
    given = value
    localStorage.uc = JSON.stringify(value)
    if (type) {
      fire(window, 'UC_UI_CMP_EVENT', { source: 'button', type })
      fire(window, 'UC_CONSENT', details())
    }
  }
  window.cmp = {
    accept: () => save(true, 'ACCEPT_ALL'),
    reject: () => save(false, 'DENY_ALL'),
    deny: () => save(false, 'SAVE'),
    silent: () => save(false),
    again: () => fire(window, 'UC_UI_INITIALIZED UC_CONSENT UC_UI_CMP_EVENT', details()),
  }
  addEventListener('load', () => fire(window, 'UC_UI_INITIALIZED'))
}
