package consent

import "encoding/json"

// pageLanguage is a language by its own name.
type pageLanguage struct{ Tag, Name string }

var pageLanguageNames = []pageLanguage{{"nl", "Nederlands"}, {"en", "English"}, {"de", "Deutsch"}, {"fr", "Français"}}

// meText is what the visitor's page says. The words of the states are read by the page's script.
type meText struct {
	Title, Intro                             string
	None, Counted, Enter, ID, Show, NoScript string
	Wait, Gone, Failed                       string
	Consent, State, Since, Until, Record     string
	Purposes, Yes, No                        string
	Withdraw, WithdrawHint, Export           string
	Erase, EraseHint, Withdrawn, Erased      string
	Receipt, ForPeople                       string
	Events, Time, What, Page, Empty, More    string
	Given, Renewed, Ended, Expired           string
	Superseded, Linked                       string
}

// meTexts are the texts by language: page/texts.json.
var meTexts = readTexts()

func readTexts() map[string]meText {
	text, err := pageFiles.ReadFile("page/texts.json")
	var texts map[string]meText
	if err == nil {
		err = json.Unmarshal(text, &texts)
	}
	if err != nil {
		panic("BUG: the texts of the page about the visitor: " + err.Error())
	}
	return texts
}
