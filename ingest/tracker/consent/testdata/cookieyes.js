{
  let saved = baked('cky')
  window.getCkyConsent = () => ({
    activeLaw: state == 'ccpa' ? 'ccpa' : 'gdpr',
    categories: state == 'absent' ? { necessary: true } : { necessary: true, analytics: saved ? saved == 'yes' : state == 'ccpa' || state == 'noanswer' },
    isUserActionCompleted: !!saved || state == 'ccpa' || state == 'absent',
    consentID: 'cky-1',
    languageCode: 'nl',
  })
  grantFunctions(window, 'performBannerAction')
  let save = (value, events) => {
    bake('cky', (saved = value))
    if (events) fire(document, 'cookieyes_consent_update', { accepted: value == 'yes' ? ['analytics'] : [], rejected: [] })
  }
  window.cmp = {
    accept: () => save('yes', 1),
    reject: () => save('no', 1),
    deny: () => save('no', 1),
    silent: () => save('no'),
    again: () => fire(document, 'cookieyes_consent_update', { accepted: ['analytics'] }),
  }
}
