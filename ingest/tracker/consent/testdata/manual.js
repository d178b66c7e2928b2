{
  let say = (choice) => turf.consent(choice, { id: 'own-1', created: '2026-11-23T10:00:02Z' })
  let last
  window.cmp = {
    accept: () => say((last = { events: true, journeys: true, heatmap: true, storage: true })),
    reject: () => say((last = {})),
    deny: () => say((last = false)),
    // The object that was handed over changes.
    silent: () => Object.keys(last).forEach((key) => delete last[key]),
    again: () => say(last),
  }
  addEventListener('load', () => {
    if (state == 'text') turf.consent({ events: 'true', journeys: 1, heatmap: 'granted', storage: 'yes' })
    if (state == 'nothing') turf.consent()
  })
}
