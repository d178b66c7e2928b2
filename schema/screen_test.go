package schema

import "testing"

func TestScreenClass(t *testing.T) {
	for width, want := range map[int64]string{
		-1: "", 0: "", 1: "0-359", 359: "0-359", 360: "360-479", 393: "360-479", 479: "360-479", 480: "480-767", 768: "768-1023",
		1024: "1024-1439", 1439: "1024-1439", 1440: "1440-1919", 1919: "1440-1919", 1920: "1920-2559", 2559: "1920-2559",
		2560: "2560+", 3840: "2560+", 1 << 62: "2560+",
	} {
		if got := ScreenClass(width); got != want {
			t.Errorf("%d pixels are in %q, want %q", width, got, want)
		}
	}
	if n := len(screenClasses) + 1; n > Dimensions[ScreenWidth].LimitPerDay {
		t.Errorf("a day has not room for all %d classes", n)
	}
}
