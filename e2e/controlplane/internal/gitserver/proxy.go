package gitserver

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"
)

// newProxy is a forward proxy: it tunnels CONNECT and forwards requests with an absolute URL. Each
// is one journal entry, so that tests can count what went through it.
func newProxy(o options, journal *journal) http.Handler {
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.Header.Del("Proxy-Authorization")
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := entry{Via: "proxy", Method: r.Method, Path: r.RequestURI, UserAgent: r.UserAgent(), Status: http.StatusOK}
		defer func() { journal.add(e) }()
		user, ok := proxyUser(o, r)
		e.User = user
		if !ok {
			e.Status = http.StatusProxyAuthRequired
			w.Header().Set("Proxy-Authenticate", `Basic realm="sluice-e2e"`)
			http.Error(w, "proxy authentication required", e.Status)
			return
		}
		if r.Method == http.MethodConnect {
			e.Status = tunnel(w, r)
			return
		}
		if !r.URL.IsAbs() {
			e.Status = http.StatusBadRequest
			http.Error(w, "this is a proxy: the request needs an absolute URL", e.Status)
			return
		}
		e.Service, e.Phase = service(r)
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		forward.ServeHTTP(recorder, r)
		e.Status = recorder.status
	})
}

func proxyUser(o options, r *http.Request) (string, bool) {
	if o.proxyUser == "" {
		return "", true
	}
	encoded, _ := strings.CutPrefix(r.Header.Get("Proxy-Authorization"), "Basic ")
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	user, password, _ := strings.Cut(string(decoded), ":")
	return user, same(user, o.proxyUser) && same(password, o.proxyPassword)
}

// tunnel joins the client's connection with one to the host it asked for. It returns once both
// directions are set up and leaves copying to the background.
func tunnel(w http.ResponseWriter, r *http.Request) int {
	upstream, err := net.DialTimeout("tcp", r.Host, 10*time.Second)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return http.StatusBadGateway
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		_ = upstream.Close()
		return http.StatusInternalServerError
	}
	client, buffered, err := hijacker.Hijack()
	if err != nil {
		_ = upstream.Close()
		return http.StatusInternalServerError
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		defer upstream.Close()
		_, _ = io.Copy(upstream, buffered)
	}()
	go func() {
		defer client.Close()
		_, _ = io.Copy(client, upstream)
	}()
	return http.StatusOK
}
