package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
)

// runServe serves CUE's registry from memory until the process is told to stop. It announces its address in one line
// of JSON.
func runServe(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	options := &ociserver.Options{}
	flags.BoolVar(&options.DisableReferrersAPI, "no-referrers", false, "know no API for referrers: clients must use tags")
	flags.BoolVar(&options.DisableReferrersFiltering, "no-filter", false, "list all referrers, whatever the client asks for")
	flags.BoolVar(&options.OmitDigestFromTagGetResponse, "no-digest", false, "leave the digest out of answers to GET by tag, as Amazon's does")
	requests := flags.String("log", "", "file that gets one JSON line for each request")
	withParent := flags.Bool("exit-with-parent", false, "stop when the process that started this one dies")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if *withParent {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		parent := os.Getppid()
		go func() {
			for os.Getppid() == parent {
				time.Sleep(500 * time.Millisecond)
			}
			cancel()
		}()
	}
	registry := ociserver.New(ocimem.New(), options)
	if options.DisableReferrersAPI {
		registry = withoutSubject(registry)
	}
	handler, err := recorded(registry, *requests)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"registry": listener.Addr().String()}); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// withoutSubject leaves out the header by which clients know that a registry keeps referrers by itself.
func withoutSubject(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&plain{w}, r)
	})
}

type plain struct{ http.ResponseWriter }

func (p *plain) WriteHeader(code int) {
	p.Header().Del("OCI-Subject")
	p.ResponseWriter.WriteHeader(code)
}

// status remembers what was answered.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// recorded notes each request with the status of its answer.
func recorded(next http.Handler, path string) (http.Handler, error) {
	if path == "" {
		return next, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	var lock sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &status{w, http.StatusOK}
		next.ServeHTTP(answer, r)
		lock.Lock()
		defer lock.Unlock()
		_ = json.NewEncoder(file).Encode(map[string]any{
			"server": "registry", "method": r.Method, "path": r.URL.Path, "query": r.URL.RawQuery,
			"userAgent": r.UserAgent(), "status": answer.code,
		})
	}), nil
}
