package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"turf/ingest"
	"turf/schema"
)

// goatCounter reads GoatCounter's CSV export (goatcounter.com/help/export). The number at the beginning of the head is
// the version of the format.
var goatCounter = rowsTool{
	name: "goatcounter", head: goatCounterHead, read: readGoatCounter, eventsNoPage: true,
	tells: from{
		schema.Hostname: "", schema.Path: "", schema.EventName: "",
		schema.Channel: "Referrer", schema.Source: "Referrer", schema.Referrer: "Referrer",
		schema.Browser: "Browser", schema.BrowserVersion: "Browser", schema.OS: "System", schema.OSVersion: "System",
		schema.Country: "Location", schema.Region: "Location",
	},
}

const goatCounterPath = "2Path"

func goatCounterHead(columns []string) error {
	if version, ok := strings.CutSuffix(columns[0], "Path"); ok && version != "2" {
		return fmt.Errorf("the export has version %q of the format; version 2 is known here: export once more from a "+
			"GoatCounter of today", version)
	}
	return needColumns(columns, goatCounterPath, "Event", "Session", "Bot", "Date")
}

// needColumns says which of the needed columns are missing.
func needColumns(columns []string, needed ...string) error {
	for _, name := range needed {
		if !slices.Contains(columns, name) {
			return fmt.Errorf("there is no column %s", name)
		}
	}
	return nil
}

func readGoatCounter(row *exportRow, host string, ev *ingest.ToldEvent) (drop string, err error) {
	if ev.Time, err = time.Parse(time.RFC3339, row.get("Date")); err != nil {
		return "", errors.New("column Date is no time such as 2026-01-31T10:00:00Z")
	}
	if bot := row.get("Bot"); bot != "0" {
		if bot == "" || strings.Trim(bot, "0123456789") != "" {
			return "", errors.New("column Bot is no number")
		}
		return DropRobot, nil
	}
	if ev.Session = row.get("Session"); ev.Session == "" {
		return DropSession, nil
	}
	path := row.get(goatCounterPath)
	switch row.get("Event") {
	case "false":
		ev.URL = "https://" + host + "/" + strings.TrimPrefix(path, "/")
	case "true":
		if path == "" {
			return DropKind, nil
		}
		ev.Name, ev.URL, ev.NoPage = path, "https://"+host+"/", true
	default:
		return "", errors.New("column Event is neither true nor false")
	}
	switch ref := row.get("Referrer"); row.get("Referrer scheme") {
	case "g", "c":
		ev.Source = ref
	default:
		ev.Referrer = asURL(ref)
	}
	ev.Browser, ev.BrowserVersion = nameAndVersion(row.get("Browser"), 1)
	ev.OS, ev.OSVersion = nameAndVersion(row.get("System"), 2)
	ev.Country, ev.Region = place(row.get("Location"))
	return "", nil
}

// umami reads website_event.csv of Umami's export of data.
var umami = rowsTool{
	name: "umami", head: umamiHead, read: readUmami,
	tells: from{
		schema.Hostname: "", schema.Path: "", schema.EventName: "event_name",
		schema.Channel: "referrer_domain", schema.Source: "referrer_domain", schema.Referrer: "referrer_domain",
		schema.Campaign: "url_query", schema.UTMSource: "url_query", schema.UTMMedium: "url_query", schema.UTMContent: "url_query",
		schema.UTMTerm: "url_query", schema.Browser: "browser", schema.OS: "os", schema.Device: "device", schema.Country: "country",
		schema.Region: "region", schema.City: "city",
	},
}

func umamiHead(columns []string) error {
	return needColumns(columns, "session_id", "url_path", "event_type", "created_at")
}

// umamiTimes are how created_at is written: by the export, by the API, and by PostgreSQL. Without a zone it is UTC.
var umamiTimes = [...]string{time.DateTime, time.RFC3339, "2006-01-02 15:04:05Z07"}

// umamiBrowsers are families of browsers by the names that Umami has for them, those of the package detect-browser.
var umamiBrowsers = map[string]string{
	"chrome": "Chrome", "crios": "Chrome", "firefox": "Firefox", "fxios": "Firefox", "safari": "Safari", "ios": "Safari",
	"edge": "Edge", "edge-chromium": "Edge", "edge-ios": "Edge", "ie": "IE", "opera": "Opera", "opera-mini": "Opera",
	"samsung": "Samsung Internet", "yandexbrowser": "Yandex", "silk": "Amazon Silk", "miui": "MiuiBrowser",
	"android": "Android", "ios-webview": "Mobile App", "chromium-webview": "Mobile App", "facebook": "Facebook",
	"instagram": "Instagram",
}

// umamiDevices are the classes of devices by Umami's names: a laptop is a desktop with a smaller screen.
var umamiDevices = map[string]string{"desktop": "Desktop", "laptop": "Desktop", "mobile": "Mobile", "tablet": "Tablet"}

func readUmami(row *exportRow, host string, ev *ingest.ToldEvent) (drop string, err error) {
	for _, layout := range umamiTimes {
		if ev.Time, err = time.Parse(layout, row.get("created_at")); err == nil {
			break
		}
	}
	if err != nil {
		return "", errors.New("created_at is no time such as 2026-01-31 10:00:00")
	}
	if site := row.get("website_id"); row.website == "" {
		row.website = strings.Clone(site)
	} else if site != row.website {
		return "", errors.New("there are rows of more than one website_id; export one website at a time")
	}
	if ev.Session = row.get("session_id"); ev.Session == "" {
		return DropSession, nil
	}
	switch row.get("event_type") {
	case "1":
	case "2":
		if ev.Name = row.get("event_name"); ev.Name == "" {
			return DropKind, nil
		}
	default:
		return DropKind, nil
	}
	if h := row.get("hostname"); h != "" {
		host = h
	}
	ev.URL = "https://" + host + "/" + strings.TrimPrefix(row.get("url_path"), "/")
	if q := row.get("url_query"); q != "" {
		ev.URL += "?" + strings.TrimPrefix(q, "?")
	}
	if domain := row.get("referrer_domain"); domain != "" {
		ev.Referrer = "https://" + domain + row.get("referrer_path")
	}
	ev.Browser = umamiBrowsers[strings.ToLower(row.get("browser"))]
	ev.OS, ev.OSVersion = nameAndVersion(strings.TrimSuffix(row.get("os"), " OS"), 2)
	if ev.OS == "Mac" || ev.OS == "Chrome" {
		ev.OS += " OS"
	}
	ev.Device = umamiDevices[strings.ToLower(row.get("device"))]
	if ev.Country, ev.Region = place(row.get("region")); ev.Country == "" || ev.Country != row.get("country") {
		ev.Country, ev.Region = place(row.get("country"))
	}
	if city := row.get("city"); city != "" && ev.Country != "" {
		ev.City = ":" + city
	}
	return "", nil
}

// asURL is a referrer with a scheme.
func asURL(ref string) string {
	if ref == "" || strings.Contains(ref, "://") {
		return ref
	}
	return "https://" + ref
}

// nameAndVersion takes "Firefox 128.0" apart. Of the version the first parts are kept that are numbers.
func nameAndVersion(s string, parts int) (name, version string) {
	if rest, ok := strings.CutPrefix(s, "Windows "); ok {
		return "Windows", cutVersion(rest, parts)
	}
	if i := strings.LastIndexByte(s, ' '); i > 0 && cutVersion(s[i+1:], parts) != "" {
		return s[:i], cutVersion(s[i+1:], parts)
	}
	return s, ""
}

// maxVersionDigits is the length of a part of a version; what is longer is no version.
const maxVersionDigits = 6

// cutVersion is the first parts of a version, as far as they are numbers.
func cutVersion(s string, parts int) string {
	end := 0
	for part := range strings.SplitSeq(s, ".") {
		if parts == 0 || part == "" || len(part) > maxVersionDigits || strings.Trim(part, "0123456789") != "" {
			break
		}
		if end > 0 {
			end++
		}
		end += len(part)
		parts--
	}
	return s[:end]
}

// place is the country and the region of a code such as "US-TX" or "US", both "" where it is neither.
func place(code string) (country, region string) {
	country, sub, ok := strings.Cut(code, "-")
	if len(country) != 2 || strings.Trim(country, upperLetters) != "" {
		return "", ""
	}
	if !ok || sub == "" || len(sub) > 3 || strings.Trim(sub, upperLetters+"0123456789") != "" {
		return country, ""
	}
	return country, code
}

const upperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
