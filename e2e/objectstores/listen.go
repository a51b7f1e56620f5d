package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// listen is how the stores are served.
type listen struct {
	cert, key, requests, users, buckets string
	withParent                          bool
}

func listenFlags(flags *flag.FlagSet) *listen {
	var l listen
	flags.StringVar(&l.cert, "tls-cert", "", "PEM file of a certificate: serve HTTPS; needs --tls-key")
	flags.StringVar(&l.key, "tls-key", "", "PEM file of the certificate's key")
	flags.StringVar(&l.requests, "log", "", "file that gets one JSON line for each request")
	flags.StringVar(&l.users, "ldap", "", "user and password that the token service takes, with a colon between them")
	flags.StringVar(&l.buckets, "buckets", "", "names of the buckets, with commas between them")
	flags.BoolVar(&l.withParent, "exit-with-parent", false, "stop when the process that started this one dies")
	return &l
}

func (l *listen) names() []string {
	return strings.FieldsFunc(l.buckets, func(r rune) bool { return r == ',' })
}

// serve announces two addresses in one line of JSON: "store" as guarded as the flags say, "open" for everybody.
func (l *listen) serve(guarded, open http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if l.withParent {
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
	guarded, err := l.recorded(guarded)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	store, err := l.listen(ctx, guarded, l.cert != "", failed)
	if err != nil {
		return err
	}
	address, err := l.listen(ctx, open, false, failed)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"store": store, "open": address}); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

func (l *listen) listen(ctx context.Context, handler http.Handler, secure bool, failed chan<- error) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := listener.Addr().String()
	if secure {
		pair, err := tls.LoadX509KeyPair(l.cert, l.key)
		if err != nil {
			return "", err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return address, nil
}

// recorded notes each request.
func (l *listen) recorded(next http.Handler) (http.Handler, error) {
	if l.requests == "" {
		return next, nil
	}
	file, err := os.OpenFile(l.requests, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	var lock sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		_ = json.NewEncoder(file).Encode(map[string]string{"method": r.Method, "path": r.URL.Path, "query": r.URL.RawQuery, "authorization": r.Header.Get("Authorization")})
		lock.Unlock()
		next.ServeHTTP(w, r)
	}), nil
}
