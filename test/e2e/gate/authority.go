package gate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// Authority signs certificates of clients.
type Authority struct {
	PEM  []byte
	leaf *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority of this common name.
func NewAuthority(t testing.TB, name string) Authority {
	t.Helper()
	certificate := NewCertificate(t, name)
	return Authority{PEM: certificate.CertPEM, leaf: certificate.Leaf, key: certificate.Pair(t).PrivateKey.(*ecdsa.PrivateKey)}
}

// Client has a certificate of this common name, good from two hours ago for `left` from now.
func (a Authority) Client(t testing.TB, name string, left time.Duration) tls.Certificate {
	t.Helper()
	return a.sign(t, name, left, x509.ExtKeyUsageClientAuth)
}

// Server has one for this DNS name.
func (a Authority) Server(t testing.TB, name string, left time.Duration) tls.Certificate {
	t.Helper()
	return a.sign(t, name, left, x509.ExtKeyUsageServerAuth)
}

func (a Authority) sign(t testing.TB, name string, left time.Duration, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"Acme"}},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(left), ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	if usage == x509.ExtKeyUsageServerAuth {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.leaf, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// CRL lists these certificates.
func (a Authority) CRL(t testing.TB, revoked ...tls.Certificate) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(time.Now().UnixNano()), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, certificate := range revoked {
		leaf, err := x509.ParseCertificate(certificate.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: leaf.SerialNumber, RevocationTime: time.Now().Add(-time.Minute)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.leaf, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// AuthoritySecret holds bundles as auth-tls-secret wants them; crl may be nil.
func AuthoritySecret(name string, crl []byte, authorities ...Authority) Object {
	object, bundle := NewObject("v1", "Secret", name), ""
	for _, authority := range authorities {
		bundle += string(authority.PEM)
	}
	data := map[string]any{"ca.crt": bundle}
	if crl != nil {
		data["ca.crl"] = string(crl)
	}
	object["stringData"] = data
	return object
}
