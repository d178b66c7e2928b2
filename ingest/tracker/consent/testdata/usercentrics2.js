{
  let saved = JSON.parse(localStorage.uc2 || 'null')
  let u = (window.UC_UI = {
    isInitialized: () => state != 'loading',
    getServicesBaseInfo: () => [
      { id: 'must', name: 'Shop', categorySlug: 'essential', consent: { status: true, history: [{ type: 'implicit' }] } },
      {
        id: 'turf1',
        name: 'Turf',
        categorySlug: 'functional',
        consent: { status: saved ?? state == 'implicit', history: state == 'nohistory' ? undefined : [{ type: 'implicit' }, ...(saved == null ? [] : [{ type: 'explicit' }])] },
      },
    ],
    getControllerId: () => 'ctl2',
    areAllConsentsAccepted: () => true,
    showSecondLayer() {},
  })
  grantFunctions(u, 'acceptAllConsents acceptService')
  let save = (value, action) => {
    saved = value
    localStorage.uc2 = JSON.stringify(value)
    if (action) fire(window, 'ucEvent', { event: 'consent_status', action, type: 'explicit', ucCategory: { functional: null }, Turf: value })
  }
  window.cmp = {
    accept: () => save(true, 'onAcceptAllServices'),
    reject: () => save(false, 'onDenyAllServices'),
    deny: () => save(false, 'onUpdateServices'),
    silent: () => save(false),
    again: () => fire(window, 'ucEvent UC_UI_INITIALIZED', { event: 'consent_status', action: 'onInitialPageLoad', type: 'explicit', ucCategory: null }),
  }
}
