package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// DefaultK is how many visitors a guarded cell needs before it is shown (P4), unless the site says otherwise.
const DefaultK = 3

// MaxK is the largest k a site can ask for.
const MaxK = 1000

// Site is a site that is counted. It is stored as a document.
type Site struct {
	ID       SiteID    `json:"id"`
	Domain   string    `json:"site"` // what data-domain says: lower case, no scheme, no www
	Timezone string    `json:"timezone"`
	Created  time.Time `json:"created"`
	// Former are names that the site had, oldest first. They stand for it until another site has the name: tags and programs that
	// still use one are not lost.
	Former []string `json:"former_names,omitempty"`
	// Settings are nil where the owner has changed none.
	Settings *Settings `json:"settings,omitempty"`
	// Guards are the values of k and since when, oldest first. Empty means DefaultK.
	Guards []Guard `json:"guards,omitempty"`
	Declarations
}

// Guard is a value of k that holds from a day on.
type Guard struct {
	From Day `json:"from"`
	K    int `json:"k"`
}

// K is the least number of visitors of a guarded cell on that day.
func (s *Site) K(d Day) int {
	k := DefaultK
	for _, g := range s.Guards {
		if g.From <= d {
			k = g.K
		}
	}
	return k
}

// Location is the site's time zone.
func (s *Site) Location() (*time.Location, error) {
	return LoadLocation(s.Timezone)
}

// LoadLocation is time.LoadLocation for names of the IANA database only: "" and "Local" depend on the machine and are refused.
func LoadLocation(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is not a time zone; use a name such as Europe/Amsterdam or UTC", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time zone; use a name such as Europe/Amsterdam or UTC", name)
	}
	return loc, nil
}

var domainPattern = regexp.MustCompile(`^[a-z0-9\p{L}]([a-z0-9\p{L}._-]*[a-z0-9\p{L}])?(:[0-9]{1,5})?(/[a-z0-9._~-]+)*$`)

// MaxDomainBytes is the longest name of a site.
const MaxDomainBytes = 250

// MaxFormerNames is how many names of before a site keeps; the oldest is forgotten first.
const MaxFormerNames = 10

// Renamed notes that the site was called old until now.
func (s *Site) Renamed(old string) {
	former := slices.DeleteFunc(slices.Clone(s.Former), func(name string) bool { return name == old || name == s.Domain })
	former = append(former, old)
	s.Former = former[max(0, len(former)-MaxFormerNames):]
}

// CleanDomain turns what people type for a site into its name: no scheme, no www, lower case.
func CleanDomain(s string) (string, error) {
	d := strings.ToLower(strings.TrimSpace(s))
	d = strings.TrimPrefix(strings.TrimPrefix(d, "https://"), "http://")
	d = strings.TrimPrefix(strings.TrimRight(d, "/"), "www.")
	if len(d) > MaxDomainBytes || !domainPattern.MatchString(d) {
		return "", fmt.Errorf("%q is not a domain; use a name such as example.com", s)
	}
	return d, nil
}
