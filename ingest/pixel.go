package ingest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// pixel is a picture of one transparent dot: 43 bytes of GIF.
var pixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00," +
	"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

// getPixel counts a page view where no script runs, by the same steps as any other:
//
//	<img src="https://stats.example.com/api/pixel.gif?d=example.com&u=https://example.com/about" alt="">
//
// d is the site's name (without it, the host of the page), u the page's URL, r the URL of the page before. Without u
// the page is the header Referer, which browsers cut to the host for pictures from elsewhere unless the page says
// <meta name="referrer" content="no-referrer-when-downgrade">, or the picture is at the page's own host.
//
// The answer is the picture in any case, so that no page shows a broken one; the status, and the headers
// X-Turf-Dropped and X-Turf-Error, say what became of the page view. It is never stored, so each view asks again.
func (c *Collector) getPixel(ec echo.Context) error {
	hr := ec.Request()
	addr := clientAddress(hr, c.cfg.TrustedProxies)
	if !c.clients.allowClient(addr, c.cfg.Now()) {
		return c.answerPixel(ec, errTooManyRequests, nil)
	}
	r := c.begin(hr, addr)
	defer c.end(r)
	err := r.body.fromQuery(hr)
	if err == nil {
		ctx := context.WithoutCancel(hr.Context()) // as for events
		err = c.count(ctx, r, func(now time.Time) error { return c.step(r, now) })
	}
	return c.answerPixel(ec, err, r)
}

// fromQuery reads a page view from the address of the picture, into an empty body. Errors are *InvalidError.
func (b *body) fromQuery(hr *http.Request) error {
	query, err := url.ParseQuery(hr.URL.RawQuery)
	if err != nil {
		return &InvalidError{"request", "has a query that cannot be read"}
	}
	b.name, b.domain, b.url, b.referrer = namePageview, query.Get("d"), query.Get("u"), cutReferrer(query.Get("r"))
	if b.url == "" {
		b.url = hr.Referer()
	}
	if !utf8.ValidString(b.domain + b.url + b.referrer) {
		return &InvalidError{"request", "is not UTF-8"}
	}
	return b.validate()
}

func (c *Collector) answerPixel(ec echo.Context, err error, r *request) error {
	allowAnyOrigin(ec)
	h, status := ec.Response().Header(), http.StatusOK
	if err == nil {
		setDropped(h, r)
	} else {
		status, _ = c.problem(ec, err)
		var invalid *InvalidError
		if errors.As(err, &invalid) {
			h.Set("X-Turf-Error", invalid.Error())
		}
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return ec.Blob(status, "image/gif", pixel)
}
