package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/evanw/esbuild/pkg/api"
	"github.com/klauspost/compress/gzip"
)

// Manifest is dist/manifest.json: what the built form was made of.
type Manifest struct {
	// Sources is the SHA-256 over the names and contents of all sources, in hex.
	Sources string `json:"sources"`
	// Assets are the served files by their name without hash.
	Assets map[string]string `json:"assets"`
}

// libraries are the npm packages that end up in the bundle; their licences are served with it.
var libraries = []string{"preact", "uplot"}

// sourceFiles are the files beside src that decide what is built.
var sourceFiles = []string{"package.json", "package-lock.json", "tsconfig.json", "build/bundle.go"}

// bundle builds dir in memory and returns the files of dist by their slash-separated names. The same sources give the same
// bytes: esbuild, brotli and gzip are pinned in go.mod, the libraries in package-lock.json.
func bundle(dir string) (map[string][]byte, error) {
	hash, err := hashSources(dir)
	if err != nil {
		return nil, err
	}
	b := builder{dir: dir, files: map[string][]byte{}, manifest: Manifest{Sources: hash, Assets: map[string]string{}}}
	steps := []func() error{
		func() error { return b.script("theme.js", "src/theme-early.ts") },
		b.app,
		func() error { return b.style("app.css", "src/style/main.css") },
		func() error { return b.copy("icon.svg", "src/icon.svg") },
		b.licences,
		b.page,
		b.writeManifest,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return b.files, nil
}

type builder struct {
	dir      string
	files    map[string][]byte
	manifest Manifest
	// modules are the files that the page's script needs from the start, beside itself.
	modules []string
}

// app builds the page's script. What it imports when it is needed becomes files of their own.
func (b *builder) app() error {
	o, err := b.options(api.BuildOptions{
		JSX: api.JSXAutomatic, JSXImportSource: "preact", Format: api.FormatESModule, Charset: api.CharsetUTF8, Splitting: true,
		EntryPointsAdvanced: []api.EntryPoint{{InputPath: "src/main.tsx", OutputPath: "app"}},
		Outdir:              "dist", EntryNames: "assets/[name]-[hash]", ChunkNames: "assets/[name]-[hash]", Metafile: true,
	})
	if err != nil {
		return err
	}
	res := api.Build(o)
	if len(res.Errors) > 0 {
		return fmt.Errorf("bundle the page's script:\n%s",
			strings.Join(api.FormatMessages(res.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	var meta struct {
		Outputs map[string]struct {
			EntryPoint string `json:"entryPoint"`
			Imports    []struct {
				Path string `json:"path"`
				Kind string `json:"kind"`
			} `json:"imports"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal([]byte(res.Metafile), &meta); err != nil {
		return fmt.Errorf("read what was bundled: %w", err)
	}
	for name, out := range meta.Outputs {
		if out.EntryPoint != "src/main.tsx" {
			continue
		}
		b.manifest.Assets["app.js"] = strings.TrimPrefix(name, "dist/")
		for _, i := range out.Imports {
			if i.Kind == "import-statement" {
				b.modules = append(b.modules, strings.TrimPrefix(i.Path, "dist/"))
			}
		}
	}
	slices.Sort(b.modules)
	for _, f := range res.OutputFiles {
		name, err := filepath.Rel(filepath.Join(o.AbsWorkingDir, "dist"), f.Path)
		if err != nil {
			return fmt.Errorf("name %s: %w", f.Path, err)
		}
		if err := b.add(filepath.ToSlash(name), f.Contents); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) script(name, entry string) error {
	return b.esbuild(name, entry, api.BuildOptions{
		JSX: api.JSXAutomatic, JSXImportSource: "preact", Format: api.FormatIIFE, Charset: api.CharsetUTF8,
	})
}

func (b *builder) style(name, entry string) error {
	return b.esbuild(name, entry, api.BuildOptions{})
}

// options adds what all bundles have.
func (b *builder) options(o api.BuildOptions) (api.BuildOptions, error) {
	dir, err := filepath.Abs(b.dir)
	if err != nil {
		return o, fmt.Errorf("find %s: %w", b.dir, err)
	}
	o.AbsWorkingDir = dir
	o.Bundle = true
	o.MinifyWhitespace, o.MinifyIdentifiers, o.MinifySyntax = true, true, true
	o.LegalComments = api.LegalCommentsNone // the licences are served whole, see licences
	o.Engines = []api.Engine{
		{Name: api.EngineChrome, Version: "107"},
		{Name: api.EngineFirefox, Version: "110"},
		{Name: api.EngineSafari, Version: "16"},
	}
	return o, nil
}

func (b *builder) esbuild(name, entry string, o api.BuildOptions) error {
	o, err := b.options(o)
	if err != nil {
		return err
	}
	o.EntryPoints = []string{entry}
	o.Outfile = "dist/" + name
	res := api.Build(o)
	if len(res.Errors) > 0 {
		return fmt.Errorf("bundle %s:\n%s", entry,
			strings.Join(api.FormatMessages(res.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	return b.asset(name, res.OutputFiles[0].Contents)
}

func (b *builder) copy(name, source string) error {
	content, err := os.ReadFile(filepath.Join(b.dir, filepath.FromSlash(source)))
	if err != nil {
		return fmt.Errorf("read %s: %w", source, err)
	}
	return b.asset(name, content)
}

// licences gathers the licence texts of the bundled libraries.
func (b *builder) licences() error {
	var out bytes.Buffer
	for _, lib := range libraries {
		text, err := os.ReadFile(filepath.Join(b.dir, "node_modules", lib, "LICENSE"))
		if err != nil {
			return fmt.Errorf("licence of %s: %w", lib, err)
		}
		fmt.Fprintf(&out, "%s\n\n%s\n\n", lib, bytes.TrimSpace(text))
	}
	return b.asset("licences.txt", out.Bytes())
}

// page fills the hashed names into index.html.
func (b *builder) page() error {
	text, err := os.ReadFile(filepath.Join(b.dir, "src", "index.html"))
	if err != nil {
		return fmt.Errorf("read index.html: %w", err)
	}
	html := string(text)
	var preload strings.Builder
	for _, name := range b.modules {
		fmt.Fprintf(&preload, "<link rel=\"modulepreload\" href=\"/%s\">\n", name)
	}
	html = strings.ReplaceAll(html, "{{modules}}\n", preload.String())
	for name, hashed := range b.manifest.Assets {
		html = strings.ReplaceAll(html, "{{"+name+"}}", "/"+hashed)
	}
	if i := strings.Index(html, "{{"); i >= 0 {
		return fmt.Errorf("index.html names something that was not built: %.40s", html[i:])
	}
	return b.add("index.html", []byte(html))
}

func (b *builder) writeManifest() error {
	text, err := json.MarshalIndent(b.manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	b.files["manifest.json"] = append(text, '\n')
	return nil
}

// asset adds a file under a name that holds a hash of its content, so that browsers may keep it for ever.
func (b *builder) asset(name string, content []byte) error {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	hashed := "assets/" + strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:5]) + ext
	b.manifest.Assets[name] = hashed
	return b.add(hashed, content)
}

// add stores a file as it is, and as brotli and gzip.
func (b *builder) add(name string, content []byte) error {
	b.files[name] = content
	var br, gz bytes.Buffer
	bw := brotli.NewWriterLevel(&br, brotli.BestCompression)
	if _, err := bw.Write(content); err != nil {
		return fmt.Errorf("brotli %s: %w", name, err)
	}
	if err := bw.Close(); err != nil {
		return fmt.Errorf("brotli %s: %w", name, err)
	}
	gw, err := gzip.NewWriterLevel(&gz, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("gzip %s: %w", name, err)
	}
	if _, err := gw.Write(content); err != nil {
		return fmt.Errorf("gzip %s: %w", name, err)
	}
	if err := gw.Close(); err != nil {
		return fmt.Errorf("gzip %s: %w", name, err)
	}
	b.files[name+".br"], b.files[name+".gz"] = br.Bytes(), gz.Bytes()
	return nil
}

// hashSources is the SHA-256 over the names and contents of what decides the built form: src without its tests, and
// sourceFiles. It needs no node_modules.
func hashSources(dir string) (string, error) {
	names := slices.Clone(sourceFiles)
	root := os.DirFS(dir)
	err := fs.WalkDir(root, "src", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(name, ".test.ts") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("list the sources: %w", err)
	}
	slices.Sort(names)
	h := sha256.New()
	for _, name := range names {
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return "", fmt.Errorf("read source: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n", name, len(content))
		h.Write(content)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
