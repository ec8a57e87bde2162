package e2e

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"yett.dev/e2e/gate"
)

// echoing answers with the payload that came, in unary calls and streams.
func echoing() *grpcService {
	return &grpcService{
		unary: func(_ context.Context, request *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
			return &testgrpc.SimpleResponse{Payload: request.GetPayload()}, nil
		},
		duplex: func(stream testgrpc.TestService_FullDuplexCallServer) error {
			stream.SetTrailer(metadata.Pairs("ended", "in order"))
			for {
				request, err := stream.Recv()
				if err == io.EOF {
					return nil
				}
				if err != nil {
					return err
				}
				if err := stream.Send(&testgrpc.StreamingOutputCallResponse{Payload: request.GetPayload()}); err != nil {
					return err
				}
			}
		},
	}
}

func payload(size int) *testgrpc.Payload {
	return &testgrpc.Payload{Body: noise(size)}
}

// backendFor is a backend on this side of the gate.
func backendFor(t *testing.T, side grpcSide, service *grpcService, options ...grpc.ServerOption) *grpcBackend {
	t.Helper()
	if !side.backendTLS {
		return startGRPC(t, service, nil, options...)
	}
	certificate := gate.NewCertificate(t, "backend.test")
	return startGRPC(t, service, &certificate, options...)
}

// Messages of any size pass, one at a time and both ways at once, with back-pressure.
func TestGRPCMessages(t *testing.T) {
	const largest = 16 << 20
	sizes := grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largest+1024), grpc.MaxCallSendMsgSize(largest+1024))
	for _, side := range grpcSides {
		t.Run(side.what, func(t *testing.T) {
			backend := backendFor(t, side, echoing(), grpc.MaxRecvMsgSize(largest+1024), grpc.MaxSendMsgSize(largest+1024))
			s := grpcSite(t, side, map[string]string{"proxy-body-size": "0"}, nil, backend.Addr)
			client := s.grpcClient(t, side.clientTLS, sizes)
			for _, size := range []int{0, 1, 16383, 16384, 65535, 1 << 20, largest} {
				response, err := client.UnaryCall(grpcContext(t), &testgrpc.SimpleRequest{Payload: payload(size)})
				if err != nil || len(response.GetPayload().GetBody()) != size {
					t.Fatalf("%d bytes came back as %d: %v", size, len(response.GetPayload().GetBody()), err)
				}
			}
			stream, err := client.FullDuplexCall(grpcContext(t))
			if err != nil {
				t.Fatal(err)
			}
			for i := range 200 {
				if err := stream.Send(&testgrpc.StreamingOutputCallRequest{Payload: payload(i * 100)}); err != nil {
					t.Fatal(err)
				}
				response, err := stream.Recv()
				if err != nil || len(response.GetPayload().GetBody()) != i*100 {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			stream.CloseSend()
			if _, err := stream.Recv(); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
			if got := stream.Trailer().Get("ended"); len(got) != 1 || got[0] != "in order" {
				t.Errorf("trailers %v", stream.Trailer())
			}
		})
	}
}

// waiting tells when a call begins, and how its context ended.
type waiting struct {
	began chan time.Time // its deadline; zero: none
	ended chan error
}

func newWaiting() *waiting { return &waiting{make(chan time.Time, 16), make(chan error, 16)} }

func (w *waiting) wait(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	w.began <- deadline
	<-ctx.Done()
	w.ended <- ctx.Err()
	return status.FromContextError(ctx.Err()).Err()
}

func (w *waiting) service() *grpcService {
	return &grpcService{
		unary: func(ctx context.Context, _ *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
			return nil, w.wait(ctx)
		},
		duplex: func(stream testgrpc.TestService_FullDuplexCallServer) error {
			if request, err := stream.Recv(); err == nil {
				stream.Send(&testgrpc.StreamingOutputCallResponse{Payload: request.GetPayload()})
			}
			return w.wait(stream.Context())
		},
	}
}

// expectBegun waits for a call to reach the backend, and returns its deadline.
func (w *waiting) expectBegun(t *testing.T) time.Time {
	t.Helper()
	select {
	case deadline := <-w.began:
		return deadline
	case <-time.After(5 * time.Second * gate.Scale()):
		t.Fatal("no call came to the backend")
	}
	return time.Time{}
}

// expectEnded waits until the backend's call is over.
func (w *waiting) expectEnded(t *testing.T, what string) {
	t.Helper()
	select {
	case <-w.ended:
	case <-time.After(5 * time.Second * gate.Scale()):
		t.Errorf("%s: the backend still works", what)
	}
}

// A client's deadline reaches the backend, and its going away too, before an answer was begun and after.
func TestGRPCDeadlinesAndCancellation(t *testing.T) {
	t.Parallel() // it waits most of its time
	for _, side := range grpcSides {
		t.Run(side.what, func(t *testing.T) {
			t.Parallel()
			calls := newWaiting()
			s := grpcSite(t, side, nil, nil, backendFor(t, side, calls.service()).Addr)
			client := s.grpcClient(t, side.clientTLS)

			limit := 500 * time.Millisecond * gate.Scale()
			begin := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			_, err := client.UnaryCall(ctx, &testgrpc.SimpleRequest{})
			cancel()
			if took := time.Since(begin); status.Code(err) != codes.DeadlineExceeded || took < limit || took > limit+time.Second*gate.Scale() {
				t.Errorf("a deadline of %v: %v after %v", limit, err, took)
			}
			if deadline := calls.expectBegun(t); deadline.IsZero() || deadline.Sub(begin) > limit+time.Second*gate.Scale() {
				t.Errorf("the backend was told of the deadline %v", deadline.Sub(begin))
			}
			calls.expectEnded(t, "past the deadline")

			ctx, cancel = context.WithCancel(context.Background())
			done := make(chan error)
			go func() {
				_, err := client.UnaryCall(ctx, &testgrpc.SimpleRequest{})
				done <- err
			}()
			if deadline := calls.expectBegun(t); !deadline.IsZero() {
				t.Error("a deadline came out of nowhere")
			}
			cancel()
			if err := <-done; status.Code(err) != codes.Canceled {
				t.Errorf("cancelled: %v", err)
			}
			calls.expectEnded(t, "a cancelled call")

			ctx, cancel = context.WithCancel(context.Background())
			stream, err := client.FullDuplexCall(ctx)
			if err != nil {
				t.Fatal(err)
			}
			stream.Send(&testgrpc.StreamingOutputCallRequest{Payload: payload(10)})
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
			calls.expectBegun(t)
			cancel()
			calls.expectEnded(t, "a cancelled stream")
			// Other calls of that connection go on.
			ctx, cancel = context.WithTimeout(context.Background(), limit)
			defer cancel()
			if _, err := client.UnaryCall(ctx, &testgrpc.SimpleRequest{}); status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// Whatever a backend's call ends with arrives: its code, its message in any language, its details.
func TestGRPCStatus(t *testing.T) {
	const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
	service := echoing()
	service.unary = func(ctx context.Context, request *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		return nil, status.Error(codes.Code(request.GetResponseStatus().GetCode()), request.GetResponseStatus().GetMessage())
	}
	service.duplex = func(stream testgrpc.TestService_FullDuplexCallServer) error {
		stream.Recv()
		stream.Send(&testgrpc.StreamingOutputCallResponse{})
		return status.Error(codes.DataLoss, message)
	}
	side := grpcSides[1]
	s := grpcSite(t, side, nil, nil, backendFor(t, side, service).Addr)
	client := s.grpcClient(t, side.clientTLS)
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		_, err := client.UnaryCall(grpcContext(t), &testgrpc.SimpleRequest{
			ResponseStatus: &testgrpc.EchoStatus{Code: int32(code), Message: message}})
		if status.Code(err) != code || status.Convert(err).Message() != message {
			t.Errorf("%v arrived as %v", code, err)
		}
	}
	stream, err := client.FullDuplexCall(grpcContext(t))
	if err != nil {
		t.Fatal(err)
	}
	stream.Send(&testgrpc.StreamingOutputCallRequest{})
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.DataLoss || status.Convert(err).Message() != message {
		t.Errorf("amid a stream: %v", err)
	}
}

// The gate's own errors are gRPC statuses for those who speak gRPC, and pages for those who do not.
func TestGRPCErrorsOfTheGate(t *testing.T) {
	t.Parallel() // it waits most of its time
	certificate := gate.NewCertificate(t, siteHost)
	silent := gate.NewRawBackend(t, func(conn *gate.RawConn) { io.Copy(io.Discard, conn) })
	echo := startGRPC(t, echoing(), nil)
	annotations := map[string]string{"nginx.ingress.kubernetes.io/backend-protocol": "GRPC",
		"nginx.ingress.kubernetes.io/ssl-redirect": "false", "nginx.ingress.kubernetes.io/proxy-read-timeout": "1",
		"nginx.ingress.kubernetes.io/proxy-body-size": "1k", "nginx.ingress.kubernetes.io/proxy-next-upstream-tries": "1"}
	var objects []any
	for name, address := range map[string]string{"silent": silent.Addr, "refused": gate.Refused(t), "echo": echo.Addr} {
		objects = append(objects, gate.Backends(name, address), gate.Ingress{Name: name, Annotations: annotations,
			Rules: []gate.Rule{{Host: name + ".test", Paths: []gate.Path{{Path: "/", Service: name}}}}}.Object())
	}
	objects = append(objects, gate.Service("nobody", gate.ServicePort{Name: "http", Port: 80}),
		gate.Ingress{Name: "nobody", Annotations: annotations, Rules: []gate.Rule{{Host: "nobody.test",
			Paths: []gate.Path{{Path: "/", Service: "nobody"}}}}}.Object())
	s := &tlsSite{start(t, gate.Options{Workers: 1}, objects...), certificate, ""}
	for _, c := range []struct {
		host string
		size int
		code codes.Code
		page int
	}{
		{"echo.test", 100, codes.OK, 200},
		{"echo.test", 5000, codes.ResourceExhausted, 413},
		{"silent.test", 100, codes.DeadlineExceeded, 504},
		{"refused.test", 100, codes.Unavailable, 502},
		{"nobody.test", 100, codes.Unavailable, 503},
		{"unknown.test", 100, codes.Unimplemented, 404},
	} {
		client := s.grpcClient(t, false, grpc.WithAuthority(c.host), grpc.WithDisableRetry())
		_, err := client.UnaryCall(grpcContext(t), &testgrpc.SimpleRequest{Payload: payload(c.size)})
		if status.Code(err) != c.code {
			t.Errorf("%s, %d bytes: %v", c.host, c.size, err)
		}
		if c.code == codes.OK {
			continue
		}
		if text := status.Convert(err).Message(); strings.Contains(text, "<html>") || text == "" {
			t.Errorf("%s: the message is %q", c.host, text)
		}
		request, _ := http.NewRequest("POST", "http://"+c.host+"/", strings.NewReader(strings.Repeat("x", c.size)))
		response, err := s.h2Client(false).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != c.page || response.Header.Get("Content-Type") != "text/html" {
			t.Errorf("%s without gRPC: %d %q", c.host, response.StatusCode, response.Header.Get("Content-Type"))
		}
	}
}

// Many calls at a time share few connections to the backend, more than it takes streams on one.
func TestGRPCManyStreams(t *testing.T) {
	const calls, perConnection = 300, 50
	release := make(chan bool)
	var running, most atomic.Int64
	service := echoing()
	service.unary = func(context.Context, *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
		now := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		<-release
		return &testgrpc.SimpleResponse{}, nil
	}
	backend := startGRPC(t, service, nil, grpc.MaxConcurrentStreams(perConnection))
	s := grpcSite(t, grpcSides[0], nil, nil, backend.Addr)
	ctx, results := grpcContext(t), make(chan error, calls)
	for range 3 { // a client may have 128 streams on its connection
		client := s.grpcClient(t, false)
		for range calls / 3 {
			go func() {
				_, err := client.UnaryCall(ctx, &testgrpc.SimpleRequest{})
				results <- err
			}()
		}
	}
	gate.WaitFor(t, 10*time.Second, "all calls to run at once", func() bool { return running.Load() == calls })
	close(release)
	for range calls {
		if err := <-results; err != nil {
			t.Errorf("a call: %v", err)
		}
	}
	if connections := backend.Connections.Load(); connections < calls/perConnection || connections > 2*calls/perConnection {
		t.Errorf("%d connections for %d calls of which %d may share one", connections, calls, perConnection)
	}
}

// A backend that says goodbye (GOAWAY) ends in peace: its calls are answered, and new ones go to the other one.
func TestGRPCBackendsComeAndGo(t *testing.T) {
	first, second := startGRPC(t, echoing(), nil), startGRPC(t, echoing(), nil)
	s := grpcSite(t, grpcSides[1], nil, nil, first.Addr, second.Addr)
	client := s.grpcClient(t, true)
	ctx, stop, failed := grpcContext(t), make(chan bool), make(chan error, 8)
	var answered atomic.Int64
	var calling sync.WaitGroup
	for range 8 {
		calling.Add(1)
		go func() {
			defer calling.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := client.UnaryCall(ctx, &testgrpc.SimpleRequest{Payload: payload(100)}); err != nil {
					failed <- err
					return
				}
				answered.Add(1)
			}
		}()
	}
	gate.WaitFor(t, 10*time.Second, "calls", func() bool { return answered.Load() > 200 })
	first.GracefulStop()
	after := answered.Load()
	gate.WaitFor(t, 10*time.Second, "calls to the other backend", func() bool { return answered.Load() > after+200 })
	close(stop)
	calling.Wait()
	close(failed)
	for err := range failed {
		t.Errorf("a call failed: %v", err)
	}
}

// A stream on which nobody says anything stays open for as long as the longest time-out allows, which is the backend's here,
// and pings are answered meanwhile.
func TestGRPCIdleStreams(t *testing.T) {
	t.Parallel()             // it waits most of its time
	idle := 13 * time.Second // longer than the client's shortest time between pings, and than keep-alive
	if os.Getenv("YETT_ENDURANCE") != "" {
		idle = 10 * time.Minute
	}
	side := grpcSides[3]
	backend := backendFor(t, side, echoing(), grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Second, Timeout: 5 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}))
	s := grpcSite(t, side, map[string]string{"keep-alive": "2", "client-body-timeout": "3"},
		map[string]string{"nginx.ingress.kubernetes.io/proxy-read-timeout": "660"}, backend.Addr)
	client := s.grpcClient(t, true, grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}))
	ctx, cancel := context.WithTimeout(t.Context(), idle+20*time.Second*gate.Scale())
	defer cancel()
	stream, err := client.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	exchange := func() {
		t.Helper()
		if err := stream.Send(&testgrpc.StreamingOutputCallRequest{Payload: payload(10)}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	exchange()
	time.Sleep(idle)
	exchange()
	stream.CloseSend()
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}
