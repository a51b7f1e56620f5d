// Package journal keeps what a server was asked, as JSON lines.
package journal

import (
	"encoding/json"
	"io"
	"os"
	"sync"
)

// Journal writes entries as JSON lines, whole lines at a time.
type Journal struct {
	mu  sync.Mutex
	out io.Writer
}

// Open appends to a file; an empty path keeps nothing.
func Open(path string) (*Journal, error) {
	if path == "" {
		return &Journal{out: io.Discard}, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &Journal{out: file}, nil
}

// Add writes an entry as one line.
func (j *Journal) Add(entry any) {
	line, err := json.Marshal(entry)
	if err != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.out.Write(append(line, '\n'))
}
