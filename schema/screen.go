package schema

// screenClasses are the classes of the width of a screen, in CSS pixels, each by the first width that is no longer in it: small
// telephones, telephones, large ones and those held sideways, tablets, small and usual and large screens of computers, and all that
// is wider. Few and wide, so that most hold many visitors.
var screenClasses = [...]struct {
	below int64
	name  string
}{
	{360, "0-359"},
	{480, "360-479"},
	{768, "480-767"},
	{1024, "768-1023"},
	{1440, "1024-1439"},
	{1920, "1440-1919"},
	{2560, "1920-2559"},
}

// widestScreens is the class of all wider ones.
const widestScreens = "2560+"

// ScreenClass is the class of a screen's width in CSS pixels, a value of [ScreenWidth]; "" for what is no width: less than 1.
func ScreenClass(width int64) string {
	if width < 1 {
		return ""
	}
	for _, c := range screenClasses {
		if width < c.below {
			return c.name
		}
	}
	return widestScreens
}
