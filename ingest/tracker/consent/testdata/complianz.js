{
  window.complianz = { consenttype: state == 'optout' ? 'optout' : 'optin' }
  window.cmplz_has_consent = (category) => baked('cmplz_' + category) == 'allow' || state == 'optout' || state == 'noanswer'
  grantFunctions(window, 'cmplz_accept_all cmplz_set_consent')
  let save = (value, events) => {
    bake('cmplz_statistics', value)
    bake('cmplz_banner-status', 'dismissed')
    if (events) fire(document, 'cmplz_status_change cmplz_fire_categories', { category: 'statistics', value })
  }
  window.cmp = {
    accept: () => save('allow', 1),
    reject: () => save('deny', 1),
    deny: () => save('deny', 1),
    silent: () => save('deny'),
    again: () => fire(document, 'cmplz_status_change cmplz_fire_categories', {}),
  }
}
