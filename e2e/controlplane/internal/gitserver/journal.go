package gitserver

import (
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"
)

// entry is one request. No field ever holds a password or token.
type entry struct {
	Time time.Time `json:"time"`
	// Via is http, https, ssh or proxy.
	Via    string `json:"via"`
	Method string `json:"method,omitempty"`
	Path   string `json:"path"`
	// Service is git-upload-pack or git-receive-pack; empty for other requests.
	Service string `json:"service,omitempty"`
	// Phase is advertise (the list of refs) or rpc (negotiation and pack).
	Phase string `json:"phase,omitempty"`
	// Protocol is Git's protocol header, such as version=2.
	Protocol string `json:"protocol,omitempty"`
	// User is who the client proved to be: basic user, "bearer", certificate name or SSH user.
	User      string `json:"user,omitempty"`
	UserAgent string `json:"userAgent,omitempty"`
	Status    int    `json:"status,omitempty"`
}

// journal writes entries as JSON lines, whole lines at a time.
type journal struct {
	mu  sync.Mutex
	out io.Writer
}

func openJournal(path string) (*journal, error) {
	if path == "" {
		return &journal{out: io.Discard}, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &journal{out: file}, nil
}

func (j *journal) add(e entry) {
	e.Time = time.Now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.out.Write(append(line, '\n'))
}
