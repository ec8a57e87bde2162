package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// pair is the certificate that every gate shows, and its key, as PEM.
type pair struct{ certificate, key []byte }

func (p pair) certificateBase64() string { return base64.StdEncoding.EncodeToString(p.certificate) }
func (p pair) keyBase64() string         { return base64.StdEncoding.EncodeToString(p.key) }

// newPair makes one (P-256, signed by itself), and leaves it in `dir` as bench.crt, bench.key and, in one, bench.pem.
func newPair(dir string) (p pair, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return p, err
	}
	wish := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		DNSNames:     []string{benchHost},
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &wish, &wish, key.Public(), key)
	if err != nil {
		return p, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return p, err
	}
	p.certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	p.key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
	files := map[string][]byte{"bench.crt": p.certificate, "bench.key": p.key, "bench.pem": append(p.certificate, p.key...)}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return p, err
		}
	}
	return p, nil
}
