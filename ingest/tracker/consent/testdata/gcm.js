{
  window.dataLayer = window.dataLayer || []
  window.gtag = function () {
    dataLayer.push(arguments)
  }
  let before = baked('gcm')
  let first = { granted: 'granted' }[state] || 'denied'
  if (state != 'nodefault') gtag('consent', 'default', { analytics_storage: first, ad_storage: 'denied', wait_for_update: 500 })
  if (state == 'mixed') gtag('consent', 'default', { analytics_storage: 'granted', region: ['US'] })
  if (['granted', 'mixed', 'nodefault'].includes(state)) gtag('consent', 'update', { analytics_storage: 'granted' })
  if (before) gtag('consent', 'update', { analytics_storage: before })
  let save = (value) => {
    bake('gcm', value)
    gtag('consent', 'update', { analytics_storage: value })
  }
  window.cmp = {
    accept: () => save('granted'),
    reject: () => save('denied'),
    deny: () => save('denied'),
    // Past a push that is listened to.
    silent: () => Array.prototype.push.call(dataLayer, ['consent', 'update', { analytics_storage: 'denied' }]),
    again: () => gtag('consent', 'update', { analytics_storage: 'granted' }),
  }
}
