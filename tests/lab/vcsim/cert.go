package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

type madeCert struct {
	cert         tls.Certificate
	sha1, sha256 string // of the leaf, as vCenter shows thumbprints
}

func thumb(sum []byte) string {
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

func describe(c tls.Certificate) *madeCert {
	s1, s2 := sha1.Sum(c.Certificate[0]), sha256.Sum256(c.Certificate[0])
	return &madeCert{cert: c, sha1: thumb(s1[:]), sha256: thumb(s2[:])}
}

// serverCert loads the certificate asked for, or makes one. A made one is kept
// in the files of -cert and -key if they are given, so that a restart has the
// same: a vCenter does not change its certificate by restarting.
func serverCert(o *options) (*madeCert, error) {
	if (o.certFile == "") != (o.keyFile == "") {
		return nil, fmt.Errorf("-cert and -key come together")
	}
	if o.certFile != "" && exists(o.certFile) {
		c, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
		if err != nil {
			return nil, err
		}
		return describe(c), nil
	}
	now := time.Now()
	from, to := now.Add(-time.Hour), now.AddDate(0, 0, o.certDays)
	if o.certDays < 0 {
		from = to.AddDate(0, 0, -30)
	}
	leafKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	leaf := template(2, "vcsim", from, to)
	leaf.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, n := range strings.Split(o.names, ",") {
		if ip := net.ParseIP(n); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else if n != "" {
			leaf.DNSNames = append(leaf.DNSNames, n)
		}
	}
	var out tls.Certificate
	var anchor []byte
	switch o.certKind {
	case "self":
		der, err := sign(leaf, leaf, leafKey.Public(), leafKey)
		if err != nil {
			return nil, err
		}
		out, anchor = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: leafKey}, der
	case "ca":
		caKey, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		ca := template(1, "vcsim CA", now.Add(-2*time.Hour), now.AddDate(1, 0, 0))
		ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
		caDER, err := sign(ca, ca, caKey.Public(), caKey)
		if err != nil {
			return nil, err
		}
		der, err := sign(leaf, ca, leafKey.Public(), caKey)
		if err != nil {
			return nil, err
		}
		out, anchor = tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: leafKey}, caDER
	default:
		return nil, fmt.Errorf("-cert-kind: %q is neither self nor ca", o.certKind)
	}
	if o.certOut != "" {
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: anchor})
		if err := os.WriteFile(o.certOut, text, 0o644); err != nil {
			return nil, err
		}
	}
	if o.certFile != "" {
		if err := keep(o, out, leafKey); err != nil {
			return nil, err
		}
	}
	return describe(out), nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// keep writes a made certificate where the next start reads it.
func keep(o *options, made tls.Certificate, key *rsa.PrivateKey) error {
	var chain []byte
	for _, der := range made.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(o.keyFile, text, 0o600); err != nil {
		return err
	}
	return os.WriteFile(o.certFile, chain, 0o644)
}

func template(serial int64, name string, from, to time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: name, Organization: []string{"vcsim"}},
		NotBefore:             from,
		NotAfter:              to,
		BasicConstraintsValid: true,
	}
}

func sign(c, by *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) ([]byte, error) {
	return x509.CreateCertificate(rand.Reader, c, by, pub, key)
}
