package ingest

import (
	"strings"

	"turf/schema"
)

// languageCodes are the languages that are named: those of ISO 639-1, and some of three letters that browsers can be set to.
const languageCodes = "aa ab ae af ak am an ar as ast av ay az ba be bg bi bm bn bo br bs ca ce ceb ch ckb cnr co cr cs cu cv cy da de " +
	"dsb dv dz ee el en eo es et eu fa ff fi fil fj fo fr fur fy ga gd gl gn gsw gu gv ha haw he hi hmn ho hr hsb ht " +
	"hu hy hz ia id ie ig ii ik io is it iu ja jv ka kab kg ki kj kk kl km kn ko kok kr ks ku kv kw ky la lb lg li " +
	"lij ln lo lt lu lv mai mg mh mi mk ml mn mni mr ms mt my na nb nd nds ne ng nl nn no nr nso nv ny oc oj om or os " +
	"pa pi pl ps pt qu rm rn ro ru rw sa sat sc scn sco sd se sg si sk sl sm sn so sq sr ss st su sv sw szl ta te tg " +
	"th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vec vi vo wa wo xh yi yo yue za zh zu"

// formerCodes are what some browsers still call a language.
const formerCodes = "in id iw he ji yi mo ro sh sr"

// maxLanguageCode is the length of the longest code, in bytes.
const maxLanguageCode = 3

// languages is the code of each language by what a browser may call it.
type languages map[string]string

func newLanguages() languages {
	l := make(languages)
	for code := range strings.FieldsSeq(languageCodes) {
		l[code] = code
	}
	former := strings.Fields(formerCodes)
	for i := 0; i < len(former); i += 2 {
		l[former[i]] = former[i+1]
	}
	return l
}

// first is the language that an Accept-Language header asks for first, without script and region: a code of the list, Other for a
// language that is not on it, and "" where the header names none. It is never a part of the header, of which nothing else is used: the
// whole list of a visitor's languages is rare enough to tell one from another. It allocates nothing.
func (l languages) first(header string) string {
	header, _, _ = strings.Cut(header, ",")
	header, _, _ = strings.Cut(header, ";")
	tag, _, _ := strings.Cut(strings.TrimSpace(header), "-")
	if len(tag) < 2 || len(tag) > 8 { // what a primary subtag can have
		return ""
	}
	var low [8]byte
	for i := range len(tag) {
		c := tag[i] | 0x20
		if c < 'a' || c > 'z' {
			return ""
		}
		low[i] = c
	}
	if len(tag) <= maxLanguageCode {
		if code, ok := l[string(low[:len(tag)])]; ok {
			return code
		}
	}
	return schema.Other
}
