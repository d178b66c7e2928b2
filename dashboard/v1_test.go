package dashboard

import (
	"net/url"
	"strings"
	"testing"
)

// TestReadSideV1 is the line of the checklist "Read side" about v1, clause by clause.
func TestReadSideV1(t *testing.T) {
	w := newReadSide(t)
	w.askLines(t, v1Lines())
	if w.log.Len() > 0 {
		t.Errorf("logged:\n%s", w.log.String())
	}
}

func v1Lines() map[string][]asked {
	const site = "site_id=other.example&period=7d&"
	return map[string][]asked{
		"four endpoints": {
			{"realtime/visitors?site_id=other.example", 200, "", ""},
			{"aggregate?" + site, 200, `{"results":{`, ""},
			{"timeseries?" + site, 200, `{"results":[{`, ""},
			{"breakdown?" + site + "property=visit:source", 200, `{"results":[{`, ""},
			{"conversions?" + site, 404, "nothing at", ""},
		},
		"scalar body for realtime": {{"realtime/visitors?site_id=other.example", 200, "\n0\n", ""}},
		"value wrapper": {{
			"aggregate?" + site + "metrics=visitors,pageviews,bounce_rate", 200,
			`{"results":{"bounce_rate":{"value":36},"pageviews":{"value":30},"visitors":{"value":10}}}`, "",
		}},
		"change with compare": {
			{
				"aggregate?site_id=other.example&period=day&metrics=visitors,bounce_rate&compare=previous_period", 200,
				`{"results":{"bounce_rate":{"value":100,"change":64,"comparison_value":36},` +
					`"visitors":{"value":2,"change":-80,"comparison_value":10}}}`, "",
			},
			{"aggregate?" + site + "compare=last_year", 400, "previous_period", ""},
		},
		"zero-filled timeseries": {
			{
				"timeseries?site_id=other.example&period=custom&date=2026-03-28,2026-03-31&metrics=visitors,pageviews", 200,
				`[{"date":"2026-03-28","pageviews":0,"visitors":0},{"date":"2026-03-29","pageviews":0,"visitors":0},` +
					`{"date":"2026-03-30","pageviews":30,"visitors":10},{"date":"2026-03-31","pageviews":2,"visitors":2}]`, "",
			},
			{"timeseries?site_id=other.example&period=month&interval=month", 200, `[{"date":"2026-03-01","visitors":18}]`, ""},
			{"timeseries?site_id=other.example&period=7d&interval=date", 200, `{"date":"2026-03-30","visitors":10}`, ""},
		},
		"breakdown keyed by short property name": {
			{
				"breakdown?" + site + "property=visit:source&metrics=visitors,pageviews&limit=2", 200,
				`{"results":[{"pageviews":8,"source":"Google","visitors":5},{"pageviews":12,"source":"Direct / None","visitors":4}]}`, "",
			},
			{"breakdown?" + site + "property=visit:source&limit=2&page=2", 200, `[{"source":"Twitter","visitors":1}]`, ""},
			{"breakdown?" + site + "property=event:page", 200, `{"page":"/","visitors":9}`, ""},
			{"breakdown?" + site + "property=event:props:member", 200, `[{"member":"true","visitors":2}]`, ""},
			{"breakdown?" + site + "property=visit:city", 200, `[{"city":588409,"visitors":5}]`, ""},
		},
		"Visit /path goals": {
			{"aggregate?" + site + "metrics=visitors,events&filters=event:goal%3D%3DVisit%20/register", 200, `{"value":2}`, ""},
			{"aggregate?" + site + "filters=event:goal==Visit+/register", 200, `{"value":2}`, ""},
			{"aggregate?" + site + "filters=event:goal==Signup", 200, `{"value":2}`, ""},
			{"aggregate?" + site + "metrics=conversion_rate&filters=event:goal==Signup", 200, `{"value":20}`, ""},
		},
		`operators ==, !=, |, ;, *, \|`: {
			{"aggregate?" + site + "filters=visit:source==Google", 200, `{"value":5}`, ""},
			{"aggregate?" + site + "filters=visit:source%3D%3DGoogle", 200, `{"value":5}`, ""},
			{"aggregate?" + site + "filters=visit:source!=Google", 200, `{"value":5}`, ""},
			{"aggregate?" + site + "filters=visit:source==Google|Twitter", 200, `{"value":6}`, ""},
			{"aggregate?" + site + "filters=visit:source==Google;visit:country==EE", 200, `{"value":3}`, ""},
			{"aggregate?" + site + "filters=visit:source%3D%3DGoogle%3Bvisit:country%3D%3DEE", 200, `{"value":3}`, ""},
			{"aggregate?" + site + "filters=event:page==/bl**&metrics=pageviews", 200, `{"value":8}`, ""},
			{"aggregate?" + site + `filters=visit:utm_campaign==a\|b`, 200, `{"value":1}`, ""},
			{"aggregate?" + site + "filters=event:page~blog&metrics=pageviews", 200, `{"value":8}`, ""},
		},
		"errors": {
			{"aggregate?period=7d", 400, "site_id: is required", ""},
			{"aggregate?site_id=nobody.example", 401, "Invalid API key or site ID", ""},
			{"aggregate?" + site + "metrics=%zz", 400, "parameters", ""},
			{"aggregate?" + site + "metrics=guests", 400, "is not a metric", ""},
			{"breakdown?" + site, 400, "property: is required", ""},
			{"breakdown?" + site + "property=event:page&filters=visit:source==Google;visit:country==EE", 400, "cannot be combined", ""},
			{"aggregate?" + site + "period=7d&filters=undefined", 400, "is no filter", ""},
			{"aggregate?" + site + "filters=" + strings.Repeat("a", 70_000), 413, "too long", ""},
		},
	}
}

// Who may ask v1 is who may ask v2.
func TestV1Access(t *testing.T) {
	w := newWorld(t, nil)
	for _, path := range []string{aggregatePath, timeseriesPath, breakdownPath} {
		ours := "GET " + path + "?" + url.Values{"site_id": {"example.com"}, "property": {"visit:source"}}.Encode()
		theirs := strings.Replace(ours, "example.com", "other.example", 1)
		t.Run(path, func(t *testing.T) {
			w.run(t, []scenario{
				{name: "the key of the site", request: ours, headers: key("one"), status: 200, want: []string{`{"results":`}},
				{name: "the key of all sites", request: theirs, headers: key("all"), status: 200},
				{name: "ada", request: ours, as: "ada", status: 200},
				{name: "no key", request: ours, status: 401, want: []string{"Missing API key"}},
				{name: "wrong key", request: ours, headers: map[string]string{"Authorization": "Bearer turf_x"}, status: 401},
				{name: "a key as a parameter", request: ours + "&key={one}", status: 401},
				{name: "revoked key", request: ours, headers: key("revoked"), status: 401},
				{name: "another site's", request: theirs, headers: key("one"), status: 401, not: []string{"results"}},
				{name: "ada asks for no such site", request: strings.Replace(ours, "example.com", "x.example", 1), as: "ada", status: 404},
				{name: "too many requests", request: ours, headers: key("busy"), status: 429, want: []string{"Retry-After: 3600"}},
				{name: "to post", request: "POST " + path, headers: key("one"), status: 405, want: []string{"Allow: GET"}},
				{
					name: "a page of another origin asks first", request: "OPTIONS " + path, status: 204,
					headers: map[string]string{"Origin": "https://evil.example"}, want: []string{"Access-Control-Allow-Origin: *"},
				},
				{
					name: "with the reader's cookie from another origin", request: ours, as: "ada", status: 200,
					headers: map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
					want:    []string{"Cross-Origin-Resource-Policy: same-origin"}, not: []string{"Access-Control-Allow-Origin"},
				},
			})
		})
	}
}
