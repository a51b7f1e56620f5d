package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"math/big"
	"net"
	"time"
)

// writeCertificates writes a CA, and certificates of it for a server on the loopback address and a client.
func writeCertificates(args []string) error {
	flags := flag.NewFlagSet("certificates", flag.ExitOnError)
	folder := flags.String("dir", ".", "where to write the files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	files := map[string][]byte{}
	authority := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	authorityKey, err := issue(files, "ca", authority, nil, nil)
	if err != nil {
		return err
	}
	for name, usage := range map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth} {
		leaf := &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{usage}}
		if _, err := issue(files, name, leaf, authority, authorityKey); err != nil {
			return err
		}
	}
	return write(*folder, files)
}

// issue adds NAME.crt and NAME.key to the files, signed by the issuer, or by itself.
func issue(files map[string][]byte, name string, what, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if issuer == nil {
		issuer, issuerKey = what, own
	}
	what.Subject = pkix.Name{CommonName: name}
	what.SerialNumber = big.NewInt(time.Now().UnixNano())
	what.NotBefore, what.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(24*time.Hour)
	certificate, err := x509.CreateCertificate(rand.Reader, what, issuer, &own.PublicKey, issuerKey)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, err
	}
	files[name+".crt"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	files[name+".key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return own, nil
}
