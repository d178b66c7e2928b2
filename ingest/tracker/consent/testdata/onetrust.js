{
  let model = state == 'optout' ? 'opt-out' : 'opt-in'
  let groups = baked('groups') || (state == 'optout' ? ',C0001,C0002,' : ',C0001,')
  if (state == 'prefix') {
    groups = ',C0001,C00020,V2C0002,'
    bake('OptanonAlertBoxClosed', '2026-11-23T10:00:02.000Z')
  }
  let publish = () => (window.OnetrustActiveGroups = window.OptanonActiveGroups = groups)
  let load = () => {
    publish()
    window.OneTrust = {
      IsAlertBoxClosed: () => !!baked('OptanonAlertBoxClosed'),
      GetDomainData: () => ({ ShowAlertNotice: true, Groups: [{ CustomGroupId: 'C0001' }, { CustomGroupId: 'C0002' }], ConsentModel: { Name: model } }),
      OnConsentChanged() {},
      ToggleInfoDisplay() {},
    }
    grantFunctions(OneTrust, 'AllowAll UpdateConsent')
    window.OptanonWrapper?.()
    fire(window, 'OneTrustGroupsUpdated', groups.split(','))
  }
  let save = (next, events) => {
    groups = next
    bake('groups', groups)
    bake('OptanonConsent', `isGpcEnabled=0&datestamp=${Date.now()}&version=202501.1.0&consentId=0193f6c2&interactionCount=1&groups=C0001:1,C0002:${+next.includes('C0002')}`)
    bake('OptanonAlertBoxClosed', '2026-11-23T10:00:02.000Z')
    publish()
    if (events) {
      window.OptanonWrapper?.()
      fire(window, 'OneTrustGroupsUpdated OTConsentApplied', groups.split(','))
    }
  }
  window.OptanonWrapper = () => count++
  // Before it has loaded, its name is an object of settings.
  window.OneTrust = { geolocationResponse: { countryCode: 'NL' } }
  if (state == 'noanswer') bake('groups', (groups = ',C0001,C0002,'))
  window.cmp = {
    accept: () => save(',C0001,C0002,', 1),
    reject: () => save(',C0001,', 1),
    deny: () => save(',C0001,', 1),
    silent: () => save(',C0001,'),
    again: () => fire(window, 'OneTrustGroupsUpdated OTConsentApplied', groups.split(',')),
  }
  if (state != 'bare') addEventListener('load', load)
}
