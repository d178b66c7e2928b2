package ingest

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"turf/aggregate"
	"turf/schema"
)

// The limits of an event's body, those of Plausible's interface.
const (
	// MaxBodyBytes is the largest body of a request; a larger one is answered 413.
	MaxBodyBytes     = 1_000_000
	maxNameChars     = 120
	maxURLBytes      = 2000
	maxReferrerBytes = 2000 // cut there
	maxProps         = 30   // those after it are left out
	maxPropNameBytes = 300
	maxPropBytes     = 2000
	maxEngagedMS     = 30 * 24 * 60 * 60 * 1000 // from there on it is ignored
	// MaxDomains is how many sites one event can be for.
	MaxDomains = 16
)

// The names of events that are not the site's own.
const (
	namePageview   = "pageview"
	nameEngagement = "engagement"
	nameVitals     = "vitals" // with the key of that name; without it, it is an event of the site
	nameNotFound   = "404"    // its property path is filled with the page's path
)

const propPath = "path"

// InvalidError says what is wrong with an event that a client sent. Field is the long name of the body's key, or "request".
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

// body is what a request says of an event, not cleaned. Its strings are parts of the request's text: they may hold personal data.
type body struct {
	redacted
	name, url, referrer string
	domain              string // comma-separated; "" when the URL's host is meant
	host                string // cleaned, of url
	// props are the properties in their order, none named twice.
	props []aggregate.Prop
	// passive: the event does not end a bounce. hash: the URL's fragment is part of the path.
	passive, hash bool
	// engaged: scroll depth or engaged time is there. scroll is 1 + the depth in percent (0: not told), engagedMS the time.
	engaged   bool
	scroll    uint8
	engagedMS int64
	// measured: numbers of web vitals are there, told as an object; vitals are those that are valid.
	measured bool
	vitals   [schema.NumVitals]aggregate.Measurement
	// webdriver: the sender found navigator.webdriver, so a program drives the browser.
	webdriver bool
	// zone is the browser's time zone, such as Europe/Amsterdam. It is only looked at where there is no database of places.
	zone string
	// screen is the class of the screen's width.
	screen string
	// revenue is the zero value where there is none that is valid.
	revenue schema.Money
	// keyed: the sender has an ingest key, so that it is believed about its visitor: address and agent.
	keyed bool
	addr  netip.Addr
	agent string
}

// kind is what kind of event it is.
func (b *body) kind() aggregate.Kind {
	switch b.name {
	case namePageview:
		return aggregate.Pageview
	case nameEngagement:
		return aggregate.Engagement
	case nameVitals:
		if b.measured {
			return aggregate.Vitals
		}
	}
	return aggregate.Custom
}

// keys are the body's keys, short and long: either may be used, and they may be mixed. All others are ignored.
var keys = map[string]func(b *body, j *jsonReader) error{
	"n": (*body).readName, "name": (*body).readName,
	"u": (*body).readURL, "url": (*body).readURL,
	"d": (*body).readDomain, "domain": (*body).readDomain,
	"r": (*body).readReferrer, "referrer": (*body).readReferrer,
	"p": (*body).readProps, "props": (*body).readProps,
	"m": (*body).readProps, "meta": (*body).readProps,
	"i": (*body).readInteractive, "interactive": (*body).readInteractive,
	"h": (*body).readHash, "hashMode": (*body).readHash,
	"webdriver": (*body).readWebdriver, "tz": (*body).readZone, "w": (*body).readScreen, "vitals": (*body).readVitals,
	"sd": (*body).readScroll, "e": (*body).readEngaged,
	"$": (*body).readRevenue, "revenue": (*body).readRevenue,
	"ip": (*body).readAddress, "ua": (*body).readAgent, "user_agent": (*body).readAgent,
}

// parse reads the text of a request's body into b, which is empty but for the space of its props. Errors are *InvalidError.
func (b *body) parse(text string) error {
	if !utf8.ValidString(text) {
		return &InvalidError{"request", errJSON.Error()}
	}
	j := jsonReader{s: text}
	err := b.read(&j)
	if err == nil && !j.end() {
		err = errJSON
	}
	if err == errJSON {
		return &InvalidError{"request", errJSON.Error()}
	}
	if err != nil {
		return err
	}
	return b.validate()
}

// read reads one event. Errors are errJSON and *InvalidError.
func (b *body) read(j *jsonReader) error {
	return j.object(func(key string) error {
		if read, known := keys[key]; known {
			j.space()
			return read(b, j)
		}
		return j.skip(1)
	})
}

func (b *body) validate() error {
	switch {
	case b.name == "":
		return &InvalidError{"name", "is required"}
	case utf8.RuneCountInString(b.name) > maxNameChars:
		return &InvalidError{"name", "must have at most " + strconv.Itoa(maxNameChars) + " characters"}
	case b.url == "":
		return &InvalidError{"url", "is required"}
	case len(b.url) > maxURLBytes:
		return &InvalidError{"url", "must have at most " + strconv.Itoa(maxURLBytes) + " bytes"}
	case b.name == nameEngagement && !b.engaged:
		return &InvalidError{"engagement", "needs sd (scroll depth) or e (engaged time)"}
	case b.kind() == aggregate.Vitals && b.vitals == [schema.NumVitals]aggregate.Measurement{}:
		return &InvalidError{"vitals", "needs a number from 0 on of one of " + vitalNames()}
	case strings.Count(b.domain, ",") >= MaxDomains:
		return &InvalidError{"domain", "can have at most " + strconv.Itoa(MaxDomains) + " sites"}
	}
	u, err := splitURL(b.url)
	if err != nil {
		return &InvalidError{"url", err.Error()}
	}
	if b.host, err = cleanHost(u.authority); err != nil {
		return &InvalidError{"url", err.Error()}
	}
	if strings.Trim(b.domain, " ,") == "" {
		if b.domain = b.host; b.host == noHost {
			return &InvalidError{"domain", "is required, since the url names no host"}
		}
	}
	return nil
}

// value reads a value that is kept as text. ok is false where it is null, an object or an array; those are read and forgotten.
func (j *jsonReader) value() (text string, isString, ok bool, err error) {
	switch j.peek() {
	case '"':
		text, err = j.text()
		return text, true, err == nil, err
	case '{', '[':
		return "", false, false, j.skip(1)
	}
	text, err = j.scalar()
	return text, false, err == nil && text != "null", err
}

// readString reads a value that has to be a string. null is as if the key were not there.
func readString(j *jsonReader, field string) (string, error) {
	null := j.peek() == 'n'
	text, isString, _, err := j.value()
	if err == nil && !isString && !null {
		err = &InvalidError{field, "must be a string"}
	}
	if !isString {
		text = ""
	}
	return text, err
}

func (b *body) readName(j *jsonReader) error {
	null := j.peek() == 'n'
	text, isString, ok, err := j.value()
	switch {
	case err != nil:
		return err
	case null:
		return nil
	case !ok || !isString && !isInteger(text):
		return &InvalidError{"name", "must be a string or an integer"}
	}
	b.name = strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	return nil
}

func (b *body) readURL(j *jsonReader) (err error) {
	b.url, err = readString(j, "url")
	return err
}

func (b *body) readDomain(j *jsonReader) (err error) {
	b.domain, err = readString(j, "domain")
	return err
}

func (b *body) readReferrer(j *jsonReader) error {
	text, err := readString(j, "referrer")
	b.referrer = cutReferrer(text)
	return err
}

// cutReferrer is at most the first maxReferrerBytes of a referrer, without half of a character at its end.
func cutReferrer(text string) string {
	if len(text) <= maxReferrerBytes {
		return text
	}
	n := maxReferrerBytes
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

func (b *body) readInteractive(j *jsonReader) error {
	text, isString, _, err := j.value()
	b.passive = !isString && text == "false"
	return err
}

func (b *body) readWebdriver(j *jsonReader) error {
	text, isString, _, err := j.value()
	b.webdriver = !isString && (text == "1" || text == "true")
	return err
}

// readZone takes over a text; a zone that is in no list has no country.
func (b *body) readZone(j *jsonReader) error {
	text, isString, _, err := j.value()
	if isString {
		b.zone = text
	}
	return err
}

// readScreen reads the width of the screen, in CSS pixels, and keeps its class; what is no number from 1 on has none.
func (b *body) readScreen(j *jsonReader) error {
	n, _, err := j.number()
	b.screen = schema.ScreenClass(int64(min(n, math.MaxInt32)))
	return err
}

func (b *body) readHash(j *jsonReader) error {
	text, isString, _, err := j.value()
	b.hash = !isString && (text == "1" || text == "true")
	return err
}

// readScroll reads the scroll depth, in percent; more than 100 is 100, and what is no number from 0 on is as if it were not there.
func (b *body) readScroll(j *jsonReader) error {
	n, ok, err := j.number()
	if ok {
		b.engaged, b.scroll = true, uint8(1+min(n, 100))
	}
	return err
}

// readEngaged reads the engaged time, in milliseconds; what is no number from 0 on, or too large to be one, is as if it were not
// there.
func (b *body) readEngaged(j *jsonReader) error {
	n, ok, err := j.number()
	if ok {
		b.engaged = true
		if n < maxEngagedMS {
			b.engagedMS = int64(n)
		}
	}
	return err
}

// number reads a number from 0 on, without its fraction. ok is false for anything else, which is read and forgotten.
func (j *jsonReader) number() (n float64, ok bool, err error) {
	text, isString, ok, err := j.value()
	if err != nil || !ok || isString || numberLen(text) != len(text) {
		return 0, false, err
	}
	n, err = strconv.ParseFloat(text, 64)
	if err != nil || n < 0 { // too large for a number
		return 0, false, nil
	}
	return math.Floor(n), true, nil
}

// readAddress reads the visitor's address. Without a key it is ignored, as is readAgent's.
func (b *body) readAddress(j *jsonReader) error {
	if !b.keyed {
		return j.skip(1)
	}
	text, err := readString(j, "ip")
	if err != nil || text == "" {
		return err
	}
	if b.addr = parseHop(text); !b.addr.IsValid() {
		return &InvalidError{"ip", "must be an address such as 203.0.113.7 or 2001:db8::7"}
	}
	return nil
}

func (b *body) readAgent(j *jsonReader) (err error) {
	if !b.keyed {
		return j.skip(1)
	}
	b.agent, err = readString(j, "user_agent")
	return err
}

// readRevenue reads an amount of money: {"currency": "EUR", "amount": 12.50}, the amount as a number or as text; or a string that is
// the JSON of one. What is no such amount is as if it were not there.
func (b *body) readRevenue(j *jsonReader) error {
	b.revenue = schema.Money{}
	switch j.peek() {
	case '{':
		return b.readMoney(j)
	case '"':
		text, err := j.text()
		if err != nil {
			return err
		}
		inner := jsonReader{s: text}
		if b.readMoney(&inner) != nil || !inner.end() {
			b.revenue = schema.Money{}
		}
		return nil
	}
	return j.skip(1)
}

func (b *body) readMoney(j *jsonReader) error {
	var currency, amount string
	err := j.object(func(key string) error {
		text, _, ok, err := j.value()
		switch {
		case err != nil || !ok:
		case key == "currency":
			currency = text
		case key == "amount":
			amount = text
		}
		return err
	})
	if err == nil {
		b.revenue, _ = schema.ParseMoney(strings.ToUpper(currency), strings.TrimSpace(amount))
	}
	return err
}

// readProps reads properties: an object, or a string that is the JSON of one. Anything else is as if there were none.
func (b *body) readProps(j *jsonReader) error {
	switch j.peek() {
	case '{':
		b.props = b.props[:0]
		return j.object(func(key string) error { return b.readProp(j, key) })
	case '"':
		text, err := j.text()
		if err != nil {
			return err
		}
		b.props = b.props[:0]
		inner := jsonReader{s: text}
		err = inner.object(func(key string) error { return b.readProp(&inner, key) })
		if err == errJSON || err == nil && !inner.end() {
			b.props, err = b.props[:0], nil
		}
		return err
	}
	return j.skip(1)
}

// readProp reads one property. Objects, arrays, null and "" are none.
func (b *body) readProp(j *jsonReader, name string) error {
	text, _, ok, err := j.value()
	switch {
	case err != nil:
		return err
	case !ok || name == "" || text == "":
		return nil
	case len(name) > maxPropNameBytes:
		return &InvalidError{"props", "must have names of at most " + strconv.Itoa(maxPropNameBytes) + " bytes"}
	case len(text) > maxPropBytes:
		return &InvalidError{"props", "must have values of at most " + strconv.Itoa(maxPropBytes) + " bytes"}
	}
	b.props = setProp(b.props, name, text)
	return nil
}

// setProp sets a property; the last of one name counts. Nothing is added beyond maxProps.
func setProp(props []aggregate.Prop, name, value string) []aggregate.Prop {
	for i := range props {
		if props[i].Name == name {
			props[i].Value = value
			return props
		}
	}
	if len(props) < maxProps {
		props = append(props, aggregate.Prop{Name: name, Value: value})
	}
	return props
}

func hasProp(props []aggregate.Prop, name string) bool {
	return slices.ContainsFunc(props, func(p aggregate.Prop) bool { return p.Name == name })
}
