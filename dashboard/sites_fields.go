package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// readFields reads what was sent: as JSON, as a form, as a form in parts, or in the address.
func readFields(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	fields := map[string]string{}
	take := func(values url.Values) {
		for name := range values {
			// object[field], as Plausible's own framework reads forms
			plain := strings.NewReplacer("[", ".", "]", "").Replace(name)
			fields[plain] = values.Get(name)
		}
	}
	take(r.URL.Query())
	body, err := readBody(w, r, MaxSitesBytes)
	if err != nil {
		return nil, err
	}
	unread := &httpError{http.StatusBadRequest, "What was sent is neither JSON nor a form."}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch body = bytes.TrimSpace(body); {
	case len(body) == 0:
	case kind == "multipart/form-data":
		form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(MaxSitesBytes)
		if err != nil {
			return nil, unread
		}
		take(form.Value)
		return fields, form.RemoveAll()
	case body[0] == '{':
		var object map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&object); err != nil {
			return nil, unread
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, unread
		}
		if err := takeObject(fields, "", object); err != nil {
			return nil, unread
		}
	default:
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, unread
		}
		take(values)
	}
	return fields, nil
}

// takeObject takes the fields of an object, and those of the objects in it under both names with a dot between.
func takeObject(fields map[string]string, within string, object map[string]any) error {
	for name, v := range object {
		switch v := v.(type) {
		case string, json.Number, bool:
			fields[within+name] = fmt.Sprint(v)
		case []any: // such as filters
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			fields[within+name] = string(text)
		case map[string]any:
			fields[within+name+"."] = "" // it is there, also where there is nothing in it
			if err := takeObject(fields, within+name+".", v); err != nil {
				return err
			}
		}
	}
	return nil
}
