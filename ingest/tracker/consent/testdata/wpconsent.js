{
  if (state != 'untyped') window.wp_consent_type = state == 'optout' ? 'optout' : 'optin'
  window.consent_api = { cookie_prefix: 'wp_consent' }
  window.wp_has_consent = (category) => {
    let value = baked('wp_consent_' + category)
    return window.wp_consent_type == 'optin' ? value == 'allow' : value != 'deny'
  }
  grantFunctions(window, 'wp_set_consent')
  let save = (value, events) => {
    bake('wp_consent_statistics', value)
    if (events) fire(document, 'wp_listen_for_consent_change', { statistics: value })
  }
  window.cmp = {
    accept: () => save('allow', 1),
    reject: () => save('deny', 1),
    deny: () => save('deny', 1),
    silent: () => save('deny'),
    again: () => fire(document, 'wp_listen_for_consent_change', { statistics: 'allow' }),
  }
}
