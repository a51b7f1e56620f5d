package gitserver

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"path/filepath"
	"strings"
)

// gitHandler checks credentials and hands the request to `git http-backend`.
func gitHandler(o options, journal *journal) (http.Handler, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("git is needed: %w", err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + o.root,
			"GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=5",
			"GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
			"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*",
			"GIT_CONFIG_KEY_2=uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_2=true",
			"GIT_CONFIG_KEY_3=uploadpack.allowFilter", "GIT_CONFIG_VALUE_3=true",
			"GIT_CONFIG_KEY_4=http.uploadpack", "GIT_CONFIG_VALUE_4=true",
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := entry{
			Via: "http", Method: r.Method, Path: r.URL.Path,
			Protocol: r.Header.Get("Git-Protocol"), UserAgent: r.UserAgent(),
		}
		if r.TLS != nil {
			e.Via = "https"
		}
		e.Service, e.Phase = service(r)
		user, ok := authenticate(o, r)
		e.User = user
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		if ok {
			backend.ServeHTTP(recorder, r)
		} else {
			w.Header().Set("WWW-Authenticate", `Basic realm="sluice-e2e"`)
			http.Error(recorder, "authentication required", http.StatusUnauthorized)
		}
		e.Status = recorder.status
		journal.add(e)
	}), nil
}

// service tells which Git program a smart HTTP request is for, and which half of the exchange it is.
func service(r *http.Request) (name, phase string) {
	if name := r.URL.Query().Get("service"); name != "" && strings.HasSuffix(r.URL.Path, "/info/refs") {
		return name, "advertise"
	}
	for _, name := range []string{"git-upload-pack", "git-receive-pack"} {
		if strings.HasSuffix(r.URL.Path, "/"+name) {
			return name, "rpc"
		}
	}
	return "", ""
}

// authenticate returns who the client is and whether it may go on.
func authenticate(o options, r *http.Request) (user string, ok bool) {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		user = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	if o.user == "" && o.bearer == "" {
		return user, true
	}
	if o.bearer != "" {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if found && same(token, o.bearer) {
			return "bearer", true
		}
	}
	if name, password, found := r.BasicAuth(); found && o.user != "" && same(name, o.user) && same(password, o.password) {
		return name, true
	}
	return user, false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// statusRecorder remembers the response's status for the journal.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Flush lets a long pack stream through.
func (s *statusRecorder) Flush() {
	if flusher, ok := s.ResponseWriter.(http.Flusher); ok {
		flusher.Flush()
	}
}
