package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
	notation "github.com/notaryproject/notation-go"
	notationregistry "github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/signer"
	"oras.land/oras-go/v2/registry/remote"
)

// runSign signs what is in a registry, as `notation sign` does, with a key of its own. The folder gets the authority that
// certified the key (ca.crt) and, with --timestamp, the one of the time stamp (tsa.crt).
func runSign(args []string) error {
	flags := flag.NewFlagSet("sign", flag.ExitOnError)
	reference := flags.String("reference", "", "what is signed: HOST/REPOSITORY@DIGEST, over plain HTTP")
	format := flags.String("format", "jws", "jws or cose")
	folder := flags.String("folder", "", "where the certificates of the authorities are written to")
	stamped := flags.Bool("timestamp", false, "with a countersignature of openssl's time-stamping authority")
	if err := flags.Parse(args); err != nil {
		return err
	}
	kind, ok := map[string]string{"jws": jws.MediaTypeEnvelope, "cose": cose.MediaTypeEnvelope}[*format]
	if !ok {
		return fmt.Errorf("no such format: %q", *format)
	}
	root, err := newHolder("authority", nil, nil)
	if err != nil {
		return err
	}
	leaf, err := newHolder("signer", root, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning})
	if err != nil {
		return err
	}
	if err := root.write(filepath.Join(*folder, "ca.crt")); err != nil {
		return err
	}
	options := notation.SignOptions{ArtifactReference: *reference}
	options.SignatureMediaType = kind
	options.SigningAgent = "test"
	if *stamped {
		authority, err := newStamper(*folder)
		if err != nil {
			return err
		}
		options.Timestamper, options.TSARootCAs = authority, authority.pool()
	}
	by, err := signer.New(leaf.key, []*x509.Certificate{leaf.certificate, root.certificate})
	if err != nil {
		return err
	}
	repository, err := remote.NewRepository(*reference)
	if err != nil {
		return err
	}
	repository.PlainHTTP = true
	_, err = notation.Sign(context.Background(), by, notationregistry.NewRepository(repository), options)
	return err
}

// A holder has a key and a certificate for it.
type holder struct {
	key         crypto.Signer
	certificate *x509.Certificate
}

// newHolder makes an authority, or with an issuer something for the purposes.
func newHolder(name string, issuer *holder, purposes []x509.ExtKeyUsage) (*holder, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Country: []string{"US"}, Province: []string{"WA"}, Organization: []string{"Example"}, CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: purposes,
		BasicConstraintsValid: true,
	}
	parent, by := template, crypto.Signer(key)
	if issuer == nil {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	} else {
		parent, by = issuer.certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &holder{key, certificate}, err
}

func (h *holder) write(path string) error {
	return writePEM(path, "CERTIFICATE", h.certificate.Raw)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func parsePEM(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}
