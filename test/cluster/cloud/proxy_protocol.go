package cloud

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
)

// AnnotationProxyProtocol of a Service asks that endpoints be told the client's address: "v1" or "v2".
const AnnotationProxyProtocol = "cloud.yett.dev/proxy-protocol"

// proxyProtocol is the version, or empty. See https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, sections 2.1
// and 2.2.
type proxyProtocol string

// header comes before the client's first byte.
func (p proxyProtocol) header(client *net.TCPConn) []byte {
	from := netip.MustParseAddrPort(client.RemoteAddr().String())
	to := netip.MustParseAddrPort(client.LocalAddr().String())
	switch p {
	case "v1":
		return fmt.Appendf(nil, "PROXY TCP4 %s %s %d %d\r\n", from.Addr(), to.Addr(), from.Port(), to.Port())
	case "v2":
		header := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x21, 0x11, 0, 12) // PROXY, TCP over IPv4, 12 bytes
		header = append(header, from.Addr().AsSlice()...)
		header = append(header, to.Addr().AsSlice()...)
		header = binary.BigEndian.AppendUint16(header, from.Port())
		return binary.BigEndian.AppendUint16(header, to.Port())
	}
	return nil
}
