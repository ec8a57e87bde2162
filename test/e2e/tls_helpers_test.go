package e2e

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
)

// oneConn carries requests over a connection that is there.
type oneConn struct{ conn *tls.Conn }

func (c oneConn) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := request.Write(c.conn); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(c.conn), request)
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
