package e2e

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"yett.dev/e2e/gate"
)

// grpcService is the interop service with methods of the test's own.
type grpcService struct {
	testgrpc.UnimplementedTestServiceServer
	unary  func(ctx context.Context, request *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error)
	duplex func(stream testgrpc.TestService_FullDuplexCallServer) error
}

func (s *grpcService) UnaryCall(ctx context.Context, request *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
	return s.unary(ctx, request)
}

func (s *grpcService) FullDuplexCall(stream testgrpc.TestService_FullDuplexCallServer) error {
	return s.duplex(stream)
}

// grpcBackend is a gRPC server that counts its connections.
type grpcBackend struct {
	*grpc.Server
	Addr        string
	Connections atomic.Int64
}

type countingListener struct {
	net.Listener
	count *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.count.Add(1)
	}
	return conn, err
}

// startGRPC serves until the test ends; over TLS with this certificate where there is one.
func startGRPC(t *testing.T, service testgrpc.TestServiceServer, certificate *gate.Certificate, options ...grpc.ServerOption) *grpcBackend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if certificate != nil {
		pair := certificate.Pair(t)
		options = append(options, grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	}
	b := &grpcBackend{Server: grpc.NewServer(options...), Addr: listener.Addr().String()}
	testgrpc.RegisterTestServiceServer(b.Server, service)
	go b.Serve(countingListener{listener, &b.Connections})
	t.Cleanup(b.Stop)
	return b
}

// grpcSide is how one side of the gate speaks.
type grpcSide struct {
	what       string
	clientTLS  bool
	backendTLS bool
}

var grpcSides = []grpcSide{
	{"in the clear", false, false},
	{"TLS towards clients", true, false},
	{"TLS towards backends", false, true},
	{"TLS on both sides", true, true},
}

func (s grpcSide) protocol() string {
	if s.backendTLS {
		return "GRPCS"
	}
	return "GRPC"
}

// grpcSite is a gate whose a.test leads to gRPC backends.
func grpcSite(t *testing.T, side grpcSide, config, annotations map[string]string, addresses ...string) *tlsSite {
	t.Helper()
	all := map[string]string{"nginx.ingress.kubernetes.io/backend-protocol": side.protocol()}
	for name, value := range annotations {
		all[name] = value
	}
	return newTLSSite(t, config, all, addresses...)
}

// grpcClient is a client of its own, with one connection.
func (s *tlsSite) grpcClient(t *testing.T, overTLS bool, options ...grpc.DialOption) testgrpc.TestServiceClient {
	t.Helper()
	return testgrpc.NewTestServiceClient(s.grpcConn(t, overTLS, options...))
}

func (s *tlsSite) grpcConn(t *testing.T, overTLS bool, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	address, trust := s.HTTP, insecure.NewCredentials()
	if overTLS {
		address, trust = s.HTTPS, credentials.NewTLS(s.certificate.Trust(siteHost))
	}
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(trust), grpc.WithAuthority(siteHost)}, options...)
	conn, err := grpc.NewClient("passthrough:///"+address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// grpcContext ends calls that hang, without a deadline that the gate would be told of.
func grpcContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	watchdog := time.AfterFunc(20*time.Second*gate.Scale(), cancel)
	t.Cleanup(func() {
		watchdog.Stop()
		cancel()
	})
	return ctx
}
