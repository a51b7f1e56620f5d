// Package gitserver serves a folder of Git repositories as real hosts do: over HTTP, HTTPS (with
// client certificates if wanted) and SSH, each by running Git itself, and offers a forward proxy.
package gitserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"sluice.dev/e2e/controlplane/internal/process"
)

type options struct {
	root, log                        string
	http, https, ssh, proxy          string
	user, password, bearer           string
	tlsCert, tlsKey, clientCA        string
	hostKey, authorizedKeys, sshPass string
	proxyUser, proxyPassword         string
	withParent                       bool
}

// Run serves until the process is told to stop.
func Run(args []string) error {
	var o options
	flags := pflag.NewFlagSet("gitserver", pflag.ExitOnError)
	flags.StringVar(&o.root, "root", "", "folder that holds the bare repositories (required)")
	flags.StringVar(&o.log, "log", "", "file that gets one JSON line for each request")
	flags.StringVar(&o.http, "http", "", "HTTP address, for example 127.0.0.1:0")
	flags.StringVar(&o.https, "https", "", "HTTPS address; needs --tls-cert and --tls-key")
	flags.StringVar(&o.user, "user", "", "HTTP basic user; without one (and without --bearer) everybody may read and write")
	flags.StringVar(&o.password, "password", "", "HTTP basic password")
	flags.StringVar(&o.bearer, "bearer", "", "HTTP bearer token")
	flags.StringVar(&o.tlsCert, "tls-cert", "", "PEM file of the HTTPS certificate")
	flags.StringVar(&o.tlsKey, "tls-key", "", "PEM file of the HTTPS key")
	flags.StringVar(&o.clientCA, "client-ca", "", "PEM file: HTTPS clients must show a certificate signed by it")
	flags.StringVar(&o.ssh, "ssh", "", "SSH address")
	flags.StringVar(&o.hostKey, "ssh-host-key", "", "private host key file (required with --ssh)")
	flags.StringVar(&o.authorizedKeys, "ssh-authorized-keys", "", "public keys that may connect, one a line")
	flags.StringVar(&o.sshPass, "ssh-password", "", "password that may connect")
	flags.StringVar(&o.proxy, "proxy", "", "address of a forward proxy (CONNECT and plain requests)")
	flags.StringVar(&o.proxyUser, "proxy-user", "", "basic user that the proxy demands")
	flags.StringVar(&o.proxyPassword, "proxy-password", "", "basic password that the proxy demands")
	flags.BoolVar(&o.withParent, "exit-with-parent", false, "stop when the process that started this one dies")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.root == "" {
		return errors.New("--root is required")
	}
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	o.root = root
	ctx, cancel := process.UntilStopped(o.withParent)
	defer cancel()
	return serve(ctx, o)
}

func serve(ctx context.Context, o options) error {
	journal, err := openJournal(o.log)
	if err != nil {
		return err
	}
	addresses := map[string]string{}
	failed := make(chan error, 4)

	if o.http != "" || o.https != "" {
		handler, err := gitHandler(o, journal)
		if err != nil {
			return err
		}
		if o.http != "" {
			if addresses["http"], err = listenHTTP(ctx, o.http, handler, nil, failed); err != nil {
				return err
			}
		}
		if o.https != "" {
			config, err := tlsConfig(o)
			if err != nil {
				return err
			}
			if addresses["https"], err = listenHTTP(ctx, o.https, handler, config, failed); err != nil {
				return err
			}
		}
	}
	if o.proxy != "" {
		if addresses["proxy"], err = listenHTTP(ctx, o.proxy, newProxy(o, journal), nil, failed); err != nil {
			return err
		}
	}
	if o.ssh != "" {
		if addresses["ssh"], err = listenSSH(ctx, o, journal, failed); err != nil {
			return err
		}
	}
	if len(addresses) == 0 {
		return errors.New("nothing to serve: give at least one of --http, --https, --ssh, --proxy")
	}
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

// listenHTTP serves in the background and returns the server's URL.
func listenHTTP(ctx context.Context, addr string, handler http.Handler, config *tls.Config, failed chan<- error) (string, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	url := "http://" + listener.Addr().String()
	if config != nil {
		url = "https://" + listener.Addr().String()
		listener = tls.NewListener(listener, config)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return url, nil
}

func tlsConfig(o options) (*tls.Config, error) {
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
