package main

import (
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptSites asks the Sites API: "sites KEY-FILE METHOD PATH FORM STATUS [TEXT…]".
func scriptSites(ts *testscript.TestScript, _ bool, args []string) {
	p := scriptOf(ts).server
	req, err := http.NewRequest(args[1], p.url+args[2], strings.NewReader(args[3]))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+keyIn(ts, args[0]))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := p.client.Do(req)
	ts.Check(err)
	status, body := answer(p.t, res)
	expect(ts, status, body, args[4], args[5:])
}
