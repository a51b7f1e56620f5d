package registry

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"sluice.dev/e2e/controlplane/internal/journal"
)

// entry is one request. No field ever holds a password or token.
type entry struct {
	Time time.Time `json:"time"`
	// Server is registry or token.
	Server string `json:"server"`
	Method string `json:"method"`
	Path   string `json:"path"`
	// Query is what follows the path.
	Query string `json:"query,omitempty"`
	// Authorization is its scheme, without the credentials.
	Authorization string `json:"authorization,omitempty"`
	UserAgent     string `json:"userAgent,omitempty"`
	Status        int    `json:"status"`
}

// recorded keeps a journal of a server's requests.
func recorded(requests *journal.Journal, server string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		requests.Add(entry{
			Time: time.Now().UTC(), Server: server, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
			Authorization: scheme, UserAgent: r.UserAgent(), Status: recorder.status,
		})
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// absoluteLocations gives upload locations a scheme and a host. The distribution specification allows
// paths alone, but not every simple client joins them.
func absoluteLocations(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme := "http://"
		if r.TLS != nil {
			scheme = "https://"
		}
		next.ServeHTTP(&locationWriter{w, scheme + r.Host}, r)
	})
}

type locationWriter struct {
	http.ResponseWriter
	base string
}

func (w *locationWriter) WriteHeader(status int) {
	if location := w.Header().Get("Location"); strings.HasPrefix(location, "/") {
		w.Header().Set("Location", w.base+location)
	}
	w.ResponseWriter.WriteHeader(status)
}

// withoutHead refuses a method that registries have to know and some don't.
func withoutHead(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// distributionWords says what is missing as the most common registry says it: clients show these words.
func distributionWords(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "/manifests/") && !strings.HasSuffix(r.URL.Path, "/tags/list") {
			next.ServeHTTP(w, r)
			return
		}
		missing := &missingWriter{ResponseWriter: w}
		next.ServeHTTP(missing, r)
		if !missing.missing {
			return
		}
		name := repository(r.URL.Path)
		_, version, _ := strings.Cut(r.URL.Path, "/manifests/")
		switch {
		case strings.HasSuffix(r.URL.Path, "/tags/list"):
			writeError(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry", map[string]string{"name": name})
		case strings.Contains(version, ":"):
			writeError(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown", map[string]string{"Name": name, "Revision": version})
		default:
			writeError(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown", map[string]string{"Tag": version})
		}
	})
}

// missingWriter holds back the body of 404 answers about manifests and tags.
type missingWriter struct {
	http.ResponseWriter
	missing bool
}

func (w *missingWriter) WriteHeader(status int) {
	if status == http.StatusNotFound {
		w.missing = true
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *missingWriter) Write(body []byte) (int, error) {
	if w.missing {
		return len(body), nil
	}
	return w.ResponseWriter.Write(body)
}

func writeError(w http.ResponseWriter, status int, code, message string, detail any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"errors": []map[string]any{{"code": code, "message": message, "detail": detail}},
	})
}

// repository is the name in a path of the API; empty where it has none.
func repository(path string) string {
	path = strings.TrimPrefix(path, "/v2/")
	for _, part := range []string{"/manifests/", "/blobs/", "/tags/list", "/referrers/"} {
		if at := strings.LastIndex(path, part); at >= 0 {
			return path[:at]
		}
	}
	return ""
}
