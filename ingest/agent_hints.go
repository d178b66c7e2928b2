package ingest

import "strings"

// Hints are the client hints of a request, as the headers have them. Chromium's browsers send the first three with
// every request over https; PlatformVersion and FormFactors only to servers that ask for them (Accept-CH). Each may
// be "".
type Hints struct {
	Brands          string // Sec-CH-UA: "Brave";v="126", "Chromium";v="126", "Not/A)Brand";v="8"
	Mobile          string // Sec-CH-UA-Mobile: ?1 or ?0
	Platform        string // Sec-CH-UA-Platform: "Windows"
	PlatformVersion string // Sec-CH-UA-Platform-Version: "15.0.0"
	FormFactors     string // Sec-CH-UA-Form-Factors: "Tablet"
}

// maxHintBytes is the longest header of hints that is looked at; a browser's are a third of it.
const maxHintBytes = 512

// hintedBrands are the browsers that name themselves in Sec-CH-UA, before those that each of them also names. The
// first that is there holds.
var hintedBrands = [...]struct{ brand, name string }{
	{"HeadlessChrome", ""}, // a robot
	{"Brave", "Brave"},
	{"Microsoft Edge WebView2", browserApp},
	{"Android WebView", browserApp},
	{"Microsoft Edge", "Microsoft Edge"},
	{"Opera GX", "Opera"},
	{"Opera", "Opera"},
	{"Opera Mobile", "Opera"},
	{"Opera Air", "Opera"},
	{"OperaMobile", "Opera"},
	{"Samsung Internet", "Samsung Browser"},
	{"DuckDuckGo", "DuckDuckGo Privacy Browser"},
	{"Vivaldi", "Vivaldi"},
	{"YaBrowser", "Yandex Browser"},
	{"Yandex", "Yandex Browser"},
	{"Whale", "Whale Browser"},
	{"Ecosia", "Ecosia"},
	{"Avast Secure Browser", "Avast Secure Browser"},
	{"AVG Secure Browser", "AVG Secure Browser"},
	{"CocCoc", "Coc Coc"},
	{"Coc_Coc", "Coc Coc"},
	{"HuaweiBrowser", "Huawei Browser"},
	{"Miui Browser", "MIUI Browser"},
	{"Oculus Browser", "Oculus Browser"},
	{"Silk", "Mobile Silk"},
	{"Amazon Silk", "Mobile Silk"},
	{"Google Chrome", browserChrome},
	{browserChromium, browserChromium},
}

// hintedSystems are the values of Sec-CH-UA-Platform. A system that is not here says nothing.
var hintedSystems = [...]struct{ platform, name string }{
	{"Windows", osWindows},
	{"macOS", osMac},
	{"Android", osAndroid},
	{"Chrome OS", osChrome},
	{"Chromium OS", osChrome},
	{"iOS", osIOS},
	{"Linux", "GNU/Linux"},
}

// LookupWithHints names what sent an agent and client hints, of which the zero value is none. Where a browser of
// Chromium's family says in its hints what its agent hides or pretends, the hints hold: the browser (Brave and others
// have Chrome's agent), the system behind "desktop site", the version of Windows and macOS that agents no longer
// tell, and whether an Android is a tablet.
//
// Hints that contradict their agent are no browser's: see robotSign. They are never remembered, so they need no
// space. An agent that was seen before costs no allocation; versions are parts of the hints' own strings.
func (a *Agents) LookupWithHints(agent string, h Hints) AgentInfo {
	info := a.Lookup(agent)
	if info.Robot != "" || h.Brands == "" && h.Platform == "" {
		return info
	}
	info.applySystem(h)
	at, version, ok := a.hintedBrand(h.Brands)
	if !ok {
		return info
	}
	switch b := &hintedBrands[at]; {
	case b.name == "":
		return AgentInfo{Robot: b.brand}
	case b.name == browserApp:
		info.Browser, info.BrowserVersion = browserApp, ""
	case (b.name == browserChrome || b.name == browserChromium) && info.Browser != browserChrome:
		// The agent says more: Vivaldi, or an app, of which the brands are those of its engine.
	default:
		info.Browser, info.BrowserVersion = b.name, version
	}
	return info
}

// hintedBrand is the place in hintedBrands of the brand that holds, and its major version. ok is false where none is
// known.
func (a *Agents) hintedBrand(brands string) (at uint8, version string, ok bool) {
	for rest := brands; rest != "" && len(brands) <= maxHintBytes; {
		var brand, v string
		brand, v, rest = cutBrand(rest)
		if i, known := a.brands[brand]; known && (!ok || i < at) {
			at, version, ok = i, v, true
		}
	}
	return at, version, ok
}

// cutBrand is the first brand of a list and its major version ("" where it has none), and the rest of the list.
func cutBrand(list string) (brand, version, rest string) {
	_, list, _ = strings.Cut(list, `"`)
	brand, list, _ = strings.Cut(list, `"`)
	if v, ok := strings.CutPrefix(list, `;v="`); ok {
		version = leadingDigits(v)
		_, list, _ = strings.Cut(v, `"`)
	}
	if !isVersionPart(version) {
		version = ""
	}
	return brand, version, list
}

// applySystem takes over what the hints tell of system and device.
func (i *AgentInfo) applySystem(h Hints) {
	platform := unquote(h.Platform)
	for _, s := range hintedSystems {
		if s.platform != platform {
			continue
		}
		switch {
		case i.OS == s.name, s.name == "GNU/Linux" && i.OS != "" || i.OS == osFire || i.OS == osHarmony:
			// Ubuntu and Fire OS say more than Linux and Android do.
		default:
			i.OS, i.OSVersion = s.name, ""
		}
		break
	}
	if major, minor := hintedSystemVersion(h.PlatformVersion); major != "" {
		switch i.OS {
		case osWindows:
			i.OSVersion = windowsVersion(major, i.OSVersion)
		case osMac, osAndroid:
			i.OSVersion = major
			if minor != "" && i.OS == osMac {
				i.OSVersion = unquote(h.PlatformVersion)[:len(major)+1+len(minor)]
			}
		}
	}
	form := unquote(h.FormFactors)
	switch {
	case i.OS != osAndroid && i.OS != osFire && i.OS != osHarmony:
	case strings.Contains(form, "Tablet"):
		i.Device = deviceTablet
	case h.Mobile == "?1" && i.Device != deviceTablet:
		i.Device = deviceMobile
	case h.Mobile == "?0" && i.Device == deviceMobile:
		i.Device = deviceTablet
	}
}

// windowsVersion is the version of Windows for a platform version's first number: up to 10 it counts the releases of
// Windows 10, and 13 or more is Windows 11 (learn.microsoft.com/microsoft-edge/web-platform/how-to-detect-win11). 0
// is a Windows before 10, which the agent names.
func windowsVersion(major, fromAgent string) string {
	switch {
	case major == "0":
		return fromAgent
	case len(major) >= 2 && major >= "13":
		return "11"
	}
	return "10"
}

// hintedSystemVersion is the first two numbers of "15.0.0", in its quotes.
func hintedSystemVersion(quoted string) (major, minor string) {
	v := unquote(quoted)
	if len(v) > maxHintBytes {
		return "", ""
	}
	major = leadingDigits(v)
	if !isVersionPart(major) {
		return "", ""
	}
	if rest := v[len(major):]; strings.HasPrefix(rest, ".") {
		if minor = leadingDigits(rest[1:]); !isVersionPart(minor) {
			minor = ""
		}
	}
	return major, minor
}

// hintedVersion is the major version of a brand in a list of brands. ok is false where the brand is not in it.
func hintedVersion(brands, brand string) (version string, ok bool) {
	for rest := brands; rest != "" && len(brands) <= maxHintBytes; {
		var b, v string
		if b, v, rest = cutBrand(rest); b == brand {
			return v, true
		}
	}
	return "", false
}

// unquote is s without the quotes of a structured header.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}
