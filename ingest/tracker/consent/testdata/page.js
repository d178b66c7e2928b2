// What each test page begins with: a record of what is posted, and what the fakes of managers share. A fake is window.cmp:
// accept, reject, deny (after a grant, with the manager's events), silent (after a grant, without any), again (the events
// of a page load of somebody who accepted). `state` names what the page begins with; `grants` are calls of what gives consent.
window.sent = []
window.grants = []
window.state = new URLSearchParams(location.search).get('state') || ''
window.count = 0
{
  let real = window.fetch
  window.fetch = function (url, options) {
    sent.push(String(url).replace(location.origin, '') + ' ' + (options?.keepalive ? 'keepalive' : ''))
    return real.apply(this, arguments)
  }
  Object.defineProperty(navigator, 'globalPrivacyControl', { configurable: true, value: state == 'gpc' })
  // Half a minute passes in a third of a second.
  let wait = window.setTimeout
  if (state == 'fast') window.setTimeout = (then, ms, ...args) => wait(then, ms / 100, ...args)
  // A page in a tab behind, until it is brought to the front.
  window.behind = state == 'behind'
  if (behind) Object.defineProperty(document, 'hidden', { configurable: true, get: () => behind })
  window.fire = (target, names, detail) =>
    names.split(' ').forEach((name) => target.dispatchEvent(new CustomEvent(name, { detail })))
  window.bake = (name, value) => (document.cookie = name + '=' + (value ? encodeURIComponent(value) : '; max-age=0') + '; path=/')
  window.baked = (name) => {
    let pair = document.cookie.split('; ').find((p) => p.startsWith(name + '='))
    return pair && decodeURIComponent(pair.slice(name.length + 1))
  }
  window.grantFunctions = (owner, names) =>
    names.split(' ').forEach((name) => {
      let old = owner[name]
      owner[name] = function (...args) {
        if (!window.acting) grants.push(name)
        return old?.apply(this, args)
      }
    })
  // act does what the visitor does.
  window.act = async (name) => {
    window.acting = 1
    try {
      await cmp[name]()
    } finally {
      window.acting = 0
    }
  }
  window.ours = () =>
    [localStorage, sessionStorage].flatMap((store) => Object.keys(store).filter((key) => key.startsWith('turf'))).join()
}
