package dashboard

import (
	"context"
	"net/http"
)

// pagePropertiesPath is the page's own: programs list properties with the Sites API.
const pagePropertiesPath = "/api/properties"

// properties answers with the names of the properties of a site's events.
func (d *Dashboard) properties(w http.ResponseWriter, r *http.Request) (any, error) {
	site, err := d.readsNamed(w, r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), QuestionTimeout)
	defer cancel()
	return d.Stats.Properties(ctx, &site)
}
