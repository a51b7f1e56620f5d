// The template of crates/gotmpl/benches with Go's engine: `go test -bench . -benchmem`, in this folder.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

const folder = "../../../crates/gotmpl/benches/"

func read(b *testing.B, name string) []byte {
	content, err := os.ReadFile(folder + name)
	if err != nil {
		b.Fatal(err)
	}
	return content
}

func parsed(b *testing.B, text string) *template.Template {
	t, err := template.New("t").Option("missingkey=zero").Funcs(sprig.TxtFuncMap()).Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	return t
}

func BenchmarkParse(b *testing.B) {
	text := string(read(b, "deployment.tpl"))
	for b.Loop() {
		parsed(b, text)
	}
}

func BenchmarkExecute(b *testing.B) {
	var data any
	if err := json.Unmarshal(read(b, "deployment.json"), &data); err != nil {
		b.Fatal(err)
	}
	t := parsed(b, string(read(b, "deployment.tpl")))
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		b.Fatal(err)
	}
	if path := os.Getenv("BENCH_OUTPUT"); path != "" {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		var out bytes.Buffer
		if err := t.Execute(&out, data); err != nil {
			b.Fatal(err)
		}
	}
}
