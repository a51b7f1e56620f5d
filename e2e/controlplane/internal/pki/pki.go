// Package pki makes throw-away certificates.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
)

// lifetime outlives any test run and any demo left running.
const lifetime = 365 * 24 * time.Hour

// Pair is a certificate and its private key, both PEM.
type Pair struct{ Cert, Key []byte }

// CA signs certificates.
type CA struct {
	Pair
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes a self-signed certificate authority.
func NewCA(name string) (*CA, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := template(pkix.Name{CommonName: name})
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &CA{Pair{encode("CERTIFICATE", der), keyPEM}, cert, key}, nil
}

// Server issues a serving certificate for the hosts, which are names or IP addresses.
func (ca *CA) Server(hosts ...string) (Pair, error) {
	return ca.issue(pkix.Name{CommonName: hosts[0]}, x509.ExtKeyUsageServerAuth, hosts)
}

// Client issues a client certificate; organizations become groups in Kubernetes.
func (ca *CA) Client(name string, organizations ...string) (Pair, error) {
	return ca.issue(pkix.Name{CommonName: name, Organization: organizations}, x509.ExtKeyUsageClientAuth, nil)
}

func (ca *CA) issue(subject pkix.Name, usage x509.ExtKeyUsage, hosts []string) (Pair, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	template, err := template(subject)
	if err != nil {
		return Pair{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{encode("CERTIFICATE", der), keyPEM}, nil
}

// NewSigningKey makes a private key for service account tokens. Its PEM is SEC 1, not PKCS 8:
// kube-apiserver reads the public half from this file too, and does so from SEC 1 only.
func NewSigningKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return encode("EC PRIVATE KEY", der), nil
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, encode("PRIVATE KEY", der), nil
}

func template(subject pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(lifetime),
	}, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// Run is the `certs` program: it writes ca, server and client pairs as PEM files.
func Run(args []string) error {
	flags := pflag.NewFlagSet("certs", pflag.ExitOnError)
	dir := flags.String("dir", "", "folder to write ca.crt, ca.key, server.crt, server.key, client.crt and client.key to")
	hosts := flags.StringSlice("host", []string{"localhost", "127.0.0.1"}, "names and addresses of the server certificate")
	client := flags.String("client", "client", "common name of the client certificate")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return fmt.Errorf("--dir is required")
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	ca, err := NewCA("sluice-e2e")
	if err != nil {
		return err
	}
	serverPair, err := ca.Server(*hosts...)
	if err != nil {
		return err
	}
	clientPair, err := ca.Client(*client)
	if err != nil {
		return err
	}
	for name, pair := range map[string]Pair{"ca": ca.Pair, "server": serverPair, "client": clientPair} {
		if err := pair.Write(filepath.Join(*dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Write stores the pair as base.crt and base.key.
func (p Pair) Write(base string) error {
	if err := os.WriteFile(base+".crt", p.Cert, 0o644); err != nil {
		return err
	}
	return os.WriteFile(base+".key", p.Key, 0o600)
}
