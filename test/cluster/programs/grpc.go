package programs

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The method is /echo.Echo/Say: it takes and returns a google.protobuf.StringValue.
var echoService = grpc.ServiceDesc{
	ServiceName: "echo.Echo",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Say", Handler: say}},
}

func say(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	words := &wrapperspb.StringValue{}
	if err := decode(words); err != nil {
		return nil, err
	}
	return wrapperspb.String(hostname() + ": " + words.Value), nil
}

// grpcEcho serves that, and the health protocol, without TLS.
func grpcEcho(args []string) error {
	flags := flag.NewFlagSet("grpc", flag.ContinueOnError)
	listen := flags.String("listen", ":9000", "`ADDRESS`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	server.RegisterService(&echoService, nil)
	healthpb.RegisterHealthServer(server, health.NewServer())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		server.GracefulStop()
	}()
	fmt.Println("listening on", listener.Addr())
	return server.Serve(listener)
}
