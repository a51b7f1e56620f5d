package gitserver

import (
	"time"

	lines "sluice.dev/e2e/controlplane/internal/journal"
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

// journal keeps the requests.
type journal struct {
	lines *lines.Journal
}

func openJournal(path string) (*journal, error) {
	opened, err := lines.Open(path)
	if err != nil {
		return nil, err
	}
	return &journal{opened}, nil
}

func (j *journal) add(e entry) {
	e.Time = time.Now().UTC()
	j.lines.Add(e)
}
