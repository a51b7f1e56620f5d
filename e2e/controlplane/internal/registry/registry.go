// Package registry serves an OCI registry from memory, as open or as guarded as a test wants it.
package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/spf13/pflag"

	"sluice.dev/e2e/controlplane/internal/journal"
	"sluice.dev/e2e/controlplane/internal/process"
)

type options struct {
	addr, open, token, log    string
	user, password            string
	tlsCert, tlsKey, clientCA string
	noHead, withParent        bool
}

// Run serves until the process is told to stop.
func Run(args []string) error {
	var o options
	flags := pflag.NewFlagSet("registry", pflag.ExitOnError)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	flags.StringVar(&o.open, "open", "", "address where everybody gets at the same content over plain HTTP")
	flags.StringVar(&o.log, "log", "", "file that gets one JSON line for each request")
	flags.StringVar(&o.user, "user", "", "basic user that is demanded")
	flags.StringVar(&o.password, "password", "", "basic password that is demanded")
	flags.StringVar(&o.token, "token", "", "address of a token server: pulls need a token from there, which needs user and password if they are set")
	flags.StringVar(&o.tlsCert, "tls-cert", "", "PEM file of a certificate: serve HTTPS; needs --tls-key")
	flags.StringVar(&o.tlsKey, "tls-key", "", "PEM file of the certificate's key")
	flags.StringVar(&o.clientCA, "client-ca", "", "PEM file: clients must show a certificate signed by it")
	flags.BoolVar(&o.noHead, "no-head", false, "answer HEAD with 405, as some registries do")
	flags.BoolVar(&o.withParent, "exit-with-parent", false, "stop when the process that started this one dies")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := process.UntilStopped(o.withParent)
	defer cancel()
	return serve(ctx, o)
}

func serve(ctx context.Context, o options) error {
	requests, err := journal.Open(o.log)
	if err != nil {
		return err
	}
	config, err := tlsConfig(o)
	if err != nil {
		return err
	}
	addresses := map[string]any{}
	failed := make(chan error, 2)
	guard := &guard{user: o.user, password: o.password}
	if o.token != "" {
		addr, err := listen(ctx, o.token, recorded(requests, "token", guard.tokens()), nil, failed)
		if err != nil {
			return err
		}
		guard.realm = "http://" + addr + "/token"
		addresses["token"] = guard.realm
	}
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	handler = absoluteLocations(distributionWords(handler))
	if o.open != "" {
		if addresses["open"], err = listen(ctx, o.open, handler, nil, failed); err != nil {
			return err
		}
	}
	if o.noHead {
		handler = withoutHead(handler)
	}
	addr, err := listen(ctx, o.addr, recorded(requests, "registry", guard.protect(handler)), config, failed)
	if err != nil {
		return err
	}
	addresses["registry"] = addr
	if err := process.Announce(addresses); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// listen serves in the background and returns the server's address.
func listen(ctx context.Context, addr string, handler http.Handler, config *tls.Config, failed chan<- error) (string, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	address := listener.Addr().String()
	if config != nil {
		listener = tls.NewListener(listener, config)
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

func tlsConfig(o options) (*tls.Config, error) {
	if o.tlsCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if o.clientCA != "" {
		pem, err := os.ReadFile(o.clientCA)
		if err != nil {
			return nil, err
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--client-ca: %s holds no certificate", o.clientCA)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}
