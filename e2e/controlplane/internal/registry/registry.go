// Package registry serves an OCI registry from memory over plain HTTP.
package registry

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/spf13/pflag"

	"sluice.dev/e2e/controlplane/internal/process"
)

// absoluteLocations gives upload locations a scheme and a host. The distribution specification allows
// paths alone, but not every simple client joins them.
func absoluteLocations(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(&locationWriter{w, "http://" + r.Host}, r)
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

// Run serves until the process is told to stop.
func Run(args []string) error {
	flags := pflag.NewFlagSet("registry", pflag.ExitOnError)
	addr := flags.String("addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	withParent := flags.Bool("exit-with-parent", false, "stop when the process that started this one dies")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := process.UntilStopped(*withParent)
	defer cancel()

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           absoluteLocations(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := process.Announce(map[string]any{"registry": listener.Addr().String()}); err != nil {
		return err
	}
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}
