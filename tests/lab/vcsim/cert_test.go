package main

import (
	"path/filepath"
	"testing"
)

func TestAMadeCertificateIsKept(t *testing.T) {
	dir := t.TempDir()
	o := &options{certKind: "ca", names: "localhost", certDays: 1,
		certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	first, err := serverCert(o)
	if err != nil {
		t.Fatal(err)
	}
	second, err := serverCert(o)
	if err != nil {
		t.Fatal(err)
	}
	if first.sha256 != second.sha256 {
		t.Errorf("a restart changed the certificate: %s, %s", first.sha256, second.sha256)
	}
	if _, err := serverCert(&options{certFile: o.certFile}); err == nil {
		t.Error("a certificate without a key was taken")
	}
}
