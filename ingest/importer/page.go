package importer

import (
	"fmt"
	"path"
	"strings"

	"turf/ingest"
	"turf/schema"
)

// AssetExtensions are the ends of paths that are no pages, lower case, without the dot.
var AssetExtensions = []string{
	// the parts of a page
	"css", "js", "mjs", "cjs", "map", "wasm", "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "cur", "bmp", "tif",
	"tiff", "heic", "woff", "woff2", "ttf", "otf", "eot", "webmanifest", "manifest",
	// sound and film
	"mp3", "mp4", "m4a", "m4v", "m3u8", "ts", "webm", "ogg", "ogv", "oga", "wav", "flac", "aac", "mov", "avi", "mkv", "wmv", "swf",
	// data and feeds
	"json", "jsonld", "xml", "txt", "rss", "atom", "rdf", "csv", "tsv", "yml", "yaml", "ics", "kml", "gpx", "vcf", "asc", "sig",
	// downloads
	"pdf", "zip", "gz", "tgz", "bz2", "xz", "zst", "tar", "rar", "7z", "jar", "war", "exe", "msi", "dmg", "pkg", "iso", "img",
	"bin", "apk", "deb", "rpm", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "epub", "mobi", "ps", "torrent",
}

var assets = func() map[string]bool {
	m := make(map[string]bool, len(AssetExtensions))
	for _, e := range AssetExtensions {
		m[e] = true
	}
	return m
}()

// The reasons for which a line is no page, beside those of package ingest.
const (
	DropBroken   = "broken"   // not a line of the format
	DropMethod   = "method"   // not a GET
	DropStatus   = "status"   // neither 2xx nor 304
	DropAsset    = "asset"    // the path ends in one of AssetExtensions
	DropUnsorted = "unsorted" // more than MaxDisorder behind a line before it
	DropFull     = "full"     // the site's day has as many visitors as it can hold
	DropFuture   = "future"   // later than tomorrow
)

// page returns the path and query of a line that is a page, or the reason why it is none.
func (l *line) page() (target, drop string) {
	method, target := l.target()
	if method != "GET" {
		return "", DropMethod
	}
	if (l.status < 200 || l.status > 299) && l.status != 304 {
		return "", DropStatus
	}
	if !strings.HasPrefix(target, "/") {
		// A proxy's request: "GET http://example.com/path HTTP/1.1".
		_, rest, ok := strings.Cut(target, "://")
		if !ok {
			return "", DropMethod
		}
		_, rest, _ = strings.Cut(rest, "/")
		target = "/" + rest
	}
	p, _, _ := strings.Cut(target, "#")
	p, _, _ = strings.Cut(p, "?")
	if ext := path.Ext(p); ext != "" && assets[strings.ToLower(ext[1:])] {
		return "", DropAsset
	}
	return target, ""
}

// cleanPage is what may be kept of a page that a report tells by host and path. Its path is schema.Other where the
// report has it no more, and "" where it has none.
func cleanPage(host, p string) (cleanHost, cleanPath string, err error) {
	if host == schema.Other {
		return schema.Other, schema.Other, nil
	}
	cleanHost, cleanPath, err = cleanFullURL("https://" + host + "/" + strings.TrimPrefix(p, "/"))
	if p == "" || p == schema.Other {
		cleanPath = p
	}
	return cleanHost, cleanPath, err
}

// cleanFullURL is what may be kept of a page's address that a report tells.
func cleanFullURL(raw string) (host, p string, err error) {
	if host, p, err = ingest.CleanPage(raw); err != nil {
		return "", "", fmt.Errorf("the page %w", err)
	}
	return host, p, nil
}
