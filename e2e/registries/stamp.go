package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/notaryproject/tspclient-go"
)

// stamper is a time-stamping authority: the one of openssl, which is not of notation's making.
type stamper struct {
	folder string
	root   *x509.Certificate
}

// What openssl is told: a certificate and a key that openssl made too, since Go does not mark purposes as critical.
const stampConfig = `
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
[stamp]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = authority
[authority]
serial = serial
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
signer_digest = sha256
accuracy = secs:1, millisecs:500
ess_cert_id_alg = sha256
ess_cert_id_chain = no
tsa_name = no
`

func newStamper(folder string) (*stamper, error) {
	s := &stamper{folder: folder}
	if err := os.WriteFile(filepath.Join(folder, "tsa.cnf"), []byte(stampConfig), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, "serial"), []byte("01\n"), 0o600); err != nil {
		return nil, err
	}
	for _, arguments := range [][]string{
		{"req", "-x509", "-config", "tsa.cnf", "-extensions", "root", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa-root.key", "-out", "tsa.crt", "-subj", "/O=Example/CN=time root", "-days", "2"},
		{"req", "-config", "tsa.cnf", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/O=Example/CN=time"},
		{"x509", "-req", "-in", "tsa.csr", "-CA", "tsa.crt", "-CAkey", "tsa-root.key", "-CAcreateserial", "-extfile", "tsa.cnf", "-extensions", "stamp", "-out", "tsa-leaf.crt", "-days", "1"},
	} {
		if err := s.openssl(arguments...); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "tsa.crt"))
	if err != nil {
		return nil, err
	}
	s.root, err = parsePEM(text)
	return s, err
}

func (s *stamper) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.root)
	return pool
}

func (s *stamper) openssl(arguments ...string) error {
	command := exec.Command("openssl", arguments...)
	command.Dir = s.folder
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("openssl %s: %w: %s", arguments[0], err, output)
	}
	return nil
}

// Timestamp answers a request as a server would.
func (s *stamper) Timestamp(_ context.Context, request *tspclient.Request) (*tspclient.Response, error) {
	query, err := request.MarshalBinary()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.folder, "query"), query, 0o600); err != nil {
		return nil, err
	}
	if err := s.openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-signer", "tsa-leaf.crt", "-inkey", "tsa.key", "-chain", "tsa.crt", "-out", "reply"); err != nil {
		return nil, err
	}
	reply, err := os.ReadFile(filepath.Join(s.folder, "reply"))
	if err != nil {
		return nil, err
	}
	response := &tspclient.Response{}
	return response, response.UnmarshalBinary(reply)
}
