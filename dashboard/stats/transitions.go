package stats

import "turf/schema"

// nextPage is the dimension of the page that visits went to from that of event:page, our own.
const nextPage = "event:next_page"

// addNext asks for the pairs of pages when the question is about the next one: they are counted by page, and with nothing else.
func (w *wants) addNext() error {
	if w.names[schema.NextPath] == "" {
		return nil
	}
	for d, name := range w.names {
		if name != "" && schema.Dimension(d) != schema.NextPath && schema.Dimension(d) != schema.Path {
			return invalid("dimensions", "%s is counted by event:page, and not together with %s. Ask for one of them", nextPage, name)
		}
	}
	if w.names[schema.Path] == "" {
		w.names[schema.Path] = nextPage
	}
	return nil
}
