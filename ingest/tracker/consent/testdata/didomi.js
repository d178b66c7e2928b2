{
  let enabled = JSON.parse(localStorage.did || 'null')
  let listeners = []
  let ids = ['cookies', 'measure_content_performance', 'market_research', 'improve_products']
  let d = {
    getCurrentUserStatus: () => ({
      purposes: Object.fromEntries(ids.filter(() => state != 'absent').map((id) => [id, { id, enabled: enabled ?? ['notrequired', 'collect'].includes(state) }])),
      vendors: {},
      user_id: 'user-1',
      created: '2026-11-23T10:00:00Z',
      updated: enabled == null && !state ? undefined : '2026-11-23T10:00:02Z',
      consent_string: 'CPxx',
      regulation: 'gdpr',
    }),
    isConsentRequired: () => state != 'notrequired',
    shouldUserStatusBeCollected: () => state == 'collect' || enabled == null,
    on: (event, listener) => event == 'consent.changed' && listeners.push(listener),
    preferences: { show() {} },
  }
  grantFunctions(d, 'setUserAgreeToAll setUserStatus setUserConsentStatusForAll')
  let save = (value, events) => {
    enabled = value
    localStorage.did = JSON.stringify(value)
    if (events) listeners.forEach((listener) => listener({}))
  }
  window.cmp = {
    accept: () => save(true, 1),
    reject: () => save(false, 1),
    deny: () => save(false, 1),
    silent: () => save(false),
    again: () => listeners.forEach((listener) => listener({})),
  }
  addEventListener('load', () => (window.Didomi = d))
}
