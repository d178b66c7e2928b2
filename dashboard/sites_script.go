package dashboard

import (
	"regexp"
	"slices"
	"strings"

	"turf/dashboard/stats"
	"turf/schema"
)

// scriptField is where a site says what its own script does.
const scriptField = "tracker_script_configuration"

// scriptParts are the switches of a site's script on the wire, and the parts of the script that they stand for. What every script does
// (revenue) is kept all the same, so that it is answered as it was sent.
var scriptParts = []struct{ field, part string }{
	{"track_404_pages", "404"},
	{"hash_based_routing", "hash"},
	{"outbound_links", "outbound-links"},
	{"file_downloads", "file-downloads"},
	{"revenue_tracking", "revenue"},
	{"tagged_events", "tagged-events"},
	{"form_submissions", "form-submissions"},
	{"pageview_props", "pageview-props"},
}

// scriptIDPattern is what the name of a script of one site can hold; see package tracker.
var scriptIDPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,253}$`)

// scriptAnswer is the script of a site on the wire: its switches, its name without .js (null where the site's name cannot be part
// of one), and installation_type, which is always null.
func scriptAnswer(site *schema.Site) map[string]any {
	told := map[string]any{"id": nil, "installation_type": nil}
	if scriptIDPattern.MatchString(site.Domain) {
		told["id"] = "pa-" + site.Domain
	}
	for _, p := range scriptParts {
		told[p.field] = site.Settings != nil && slices.Contains(site.Settings.ScriptParts, p.part)
	}
	return told
}

// readScript reads what is to be changed about a site's script: the parts that it shall have, and those it shall not. What is not named
// stays. ok is false where nothing is asked for.
func (p *provisioning) readScript() (change map[string]bool, ok bool, err error) {
	invalid := func(field string) error { return &stats.InvalidError{Field: field, Reason: "is invalid"} }
	if _, whole := p.fields[scriptField]; whole { // where the parts of an object should be
		return nil, true, invalid(scriptField)
	}
	change = map[string]bool{}
	for name := range p.fields {
		ok = ok || strings.HasPrefix(name, scriptField+".")
	}
	kind := scriptField + ".installation_type"
	if !slices.Contains([]string{"", "manual", "wordpress", "gtm", "npm"}, p.fields[kind]) {
		return nil, ok, invalid(kind)
	}
	for _, s := range scriptParts {
		switch value, given := p.fields[scriptField+"."+s.field]; {
		case !given:
		case value == "true" || value == "1":
			change[s.part] = true
		case value == "false" || value == "0":
			change[s.part] = false
		default:
			return nil, ok, invalid(scriptField + "." + s.field)
		}
	}
	return change, ok, nil
}

// setScript gives the site's script the parts that are true, and takes those away that are false.
func setScript(site *schema.Site, change map[string]bool) {
	if len(change) == 0 {
		return
	}
	settings := schema.Settings{} // new ones: those of before are in use
	if site.Settings != nil {
		settings = *site.Settings
	}
	parts := slices.DeleteFunc(slices.Clone(settings.ScriptParts), func(part string) bool {
		_, changes := change[part]
		return changes
	})
	for _, s := range scriptParts {
		if change[s.part] {
			parts = append(parts, s.part)
		}
	}
	settings.ScriptParts = parts
	site.Settings = &settings
}
