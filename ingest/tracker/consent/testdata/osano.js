{
  let saved = JSON.parse(localStorage.osn || 'null')
  let listeners = []
  let value = () => ({ ESSENTIAL: 'ACCEPT', ANALYTICS: saved || (state == 'preset' || state == 'permissive' ? 'ACCEPT' : 'DENY') })
  let cm = {
    mode: state == 'permissive' ? 'permissive' : 'production',
    getConsent: value,
    addEventListener(event, listener) {
      listeners.push([event, listener])
      if (event == 'osano-cm-initialized') listener(saved || state == 'permissive' ? value() : undefined)
    },
    removeEventListener: (event, listener) => (listeners = listeners.filter((l) => l[0] != event || l[1] != listener)),
    showDrawer() {},
  }
  let tell = () => listeners.forEach(([event, listener]) => event == 'osano-cm-consent-saved' && listener(value()))
  let save = (next, events) => {
    saved = next
    localStorage.osn = JSON.stringify(next)
    if (events) tell()
  }
  window.Osano = { cm }
  window.cmp = {
    accept: () => save('ACCEPT', 1),
    reject: () => save('DENY', 1),
    deny: () => save('DENY', 1),
    silent: () => save('DENY'),
    again: tell,
  }
}
