package consent_test

// The consent managers from npm, each with window.cmp as the fakes in testdata have it.

const cc3Module = `
import * as module from 'vanilla-cookieconsent'
let c = window.CookieConsent = {...module}
grantFunctions(c, 'acceptCategory acceptService')
if (state != 'loading') {
  c.run({
    mode: state == 'optout' ? 'opt-out' : 'opt-in',
    categories: {necessary: {enabled: true, readOnly: true}, analytics: {enabled: state == 'optout'}, marketing: {}},
    language: {default: 'en', translations: {en: {consentModal: {title: 't', description: 'd', acceptAllBtn: 'a', acceptNecessaryBtn: 'r'},
      preferencesModal: {sections: []}}}},
  }).then(() => { if (state == 'other') act('other') })
}
window.cmp = {
  accept: () => c.acceptCategory('all'),
  reject: () => c.acceptCategory([]),
  deny: () => c.acceptCategory(['marketing']),
  other: () => c.acceptCategory(['marketing']),
  // It tells nobody.
  silent: () => c.reset(true),
  again: () => fire(window, 'cc:onFirstConsent cc:onConsent', {}),
}
`

const klaroModule = `
import * as klaro from 'klaro/dist/klaro-no-css.js'
window.klaro = klaro
window.klaroConfig = {
  services: [
    {name: 'turf', purposes: ['analytics'], default: state == 'preset' || state == 'reset', optOut: state == 'optout',
      required: state == 'required'},
    {name: 'other', purposes: ['other']},
  ],
  translations: {en: {}}, lang: 'en', hiddenByDefault: true,
}
let manager = klaro.getManager(klaroConfig)
grantFunctions(manager, 'changeAll saveAndApplyConsents saveConsents updateConsent')
let save = (value) => { manager.changeAll(value); manager.saveAndApplyConsents(value ? 'accept' : 'decline') }
window.cmp = {
  accept: () => save(true),
  reject: () => save(false),
  deny: () => save(false),
  silent: () => { manager.consents.turf = false },
  again: () => manager.notify('saveConsents', {changes: {}, consents: manager.consents, type: 'accept'}),
}
// Those who watch are told that all is granted.
if (state == 'reset') addEventListener('load', () => manager.resetConsents())
if (state == 'optout' || state == 'required') { window.acting = 1; save(true); window.acting = 0 }
`

const tcfModule = `
import stub from '@iabtcf/stub'
import {CmpApi} from '@iabtcf/cmpapi'
import {CmpApiModel} from './node_modules/@iabtcf/cmpapi/lib/mjs/CmpApiModel.js'
import {TCModel, TCString, GVL} from '@iabtcf/core'
stub()
let ids = {}
for (let id = 1; id <= 11; id++) ids[id] = {id, name: 'p', description: '', illustrations: []}
let gvl = new GVL({gvlSpecificationVersion: 3, vendorListVersion: 1, tcfPolicyVersion: 5, lastUpdated: '2026-11-01T00:00:00Z',
  purposes: ids, specialPurposes: {}, features: {}, specialFeatures: {}, stacks: {}, dataCategories: {}, vendors: {}})
let text = (consents, interests = []) => {
  let model = new TCModel(gvl)
  Object.assign(model, {cmpId: 10, cmpVersion: 1, consentScreen: 1, consentLanguage: 'EN', publisherCountryCode: 'NL',
    isServiceSpecific: true})
  model.publisherConsents.set(consents)
  model.publisherLegitimateInterests.set(interests)
  // What was granted to vendors is not granted to the publisher.
  model.purposeConsents.set([1, 7, 8, 9, 10])
  return TCString.encode(model)
}
let saved = localStorage.tc
let save = (consents) => api.update((localStorage.tc = saved = text(consents)), false)
let api
if (state != 'loading') {
  api = new CmpApi(10, 1, true)
  if (state == 'disabled') { api.update(text([1, 8, 9, 10]), false); api.disable() }
  else if (state == 'null') api.update(null)
  // It asks again, and goes on telling the old answer.
  else if (state == 'reask') api.update(text([1, 8, 9, 10]), true)
  else if (state == 'interest') api.update(text([1], [7, 8, 9, 10]), false)
  else if (saved) api.update(saved, false)
  else api.update('', true)
}
window.cmp = {
  accept: () => save([1, 8, 9, 10]),
  reject: () => save([]),
  // What is missing is not false: it is absent.
  deny: () => save([1]),
  silent: () => { CmpApiModel.eventQueue.clear(); save([1]) },
  // The window is opened again, with what was chosen before, and closed.
  again: () => { api.update(saved, true); api.update(saved, false) },
}
`

const gppModule = `
import {CmpApi, CmpStatus, CmpDisplayStatus, SignalStatus} from '@iabgpp/cmpapi'
// What a page has until the manager is there.
let queue = []
window.__gpp = (...call) => {
  if (!call.length) return queue
  if (call[0] == 'events') return []
  if (call[0] == 'ping') call[1]({cmpStatus: 'stub', signalStatus: 'not ready', parsedSections: {}, applicableSections: []}, true)
  else queue.push(call)
}
let api = new CmpApi(10, 1)
let list = (ids) => Array.from({length: 24}, (_, i) => ids.includes(i + 1))
let set = (ids) => {
  api.setFieldValue('tcfeuv2', 'PublisherConsents', list(ids))
  api.fireSectionChange('tcfeuv2')
}
let saved = JSON.parse(localStorage.gpp || 'null')
api.setApplicableSections(state == 'america' ? [7] : state == 'usa' ? [2, 7] : [2])
api.setCmpStatus(CmpStatus.LOADED)
if (state == 'usa' || state == 'america') api.setFieldValue('usnat', 'SaleOptOut', state == 'usa' ? 1 : 2)
if (state == 'usa' || state == 'notready') set([1, 8, 9, 10])
if (saved) set(saved)
if (saved || state == 'usa' || state == 'america') api.setSignalStatus(SignalStatus.READY)
else api.setCmpDisplayStatus(CmpDisplayStatus.VISIBLE)
let save = (ids) => {
  localStorage.gpp = JSON.stringify(ids)
  api.setSignalStatus(SignalStatus.NOT_READY)
  set(ids)
  api.setCmpDisplayStatus(CmpDisplayStatus.HIDDEN)
  api.setSignalStatus(SignalStatus.READY)
}
window.cmp = {
  accept: () => save([1, 8, 9, 10]),
  reject: () => save([]),
  deny: () => save([1]),
  silent: () => api.setFieldValue('tcfeuv2', 'PublisherConsents', list([1])),
  again: () => api.fireSectionChange('tcfeuv2'),
}
`

const classicModule = `
import 'cookieconsent/build/cookieconsent.min.js'
let popup
window.ready = new Promise((done) => {
  let start = () => cookieconsent.initialise({type: state == 'optout' ? 'opt-out' : 'opt-in', onStatusChange: () => count++}, (p) => {
    popup = window.turfPopup = p
    if (state == 'dismiss') p.setStatus('dismiss')
    if (state == 'optout') p.setStatus('allow')
    done()
  })
  if (document.body) start()
  else addEventListener('DOMContentLoaded', start)
})
window.cmp = {
  accept: () => popup.setStatus('allow'),
  reject: () => popup.setStatus('deny'),
  deny: () => popup.setStatus('deny'),
  silent: () => bake('cookieconsent_status', 'deny'),
  again: () => popup.options.onInitialise('allow'),
}
`
