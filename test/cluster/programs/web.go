package programs

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// webServer answers every request with the name of its Pod and the request's path.
//
//	/ready   200, and 503 once it is to stop
//	/live    200; 503 after /kill
//	/drain   for a preStop hook: readiness is off from then on; answers after --linger
//	?delay=  this answer takes that long
//
// After SIGTERM it refuses nobody for --linger, ends what is open, and says how many requests came on connections that
// were made after the signal.
type webServer struct {
	delay    time.Duration
	linger   time.Duration
	draining atomic.Bool
	sick     atomic.Bool
	stopped  atomic.Int64 // when, in nanoseconds; 0: not yet
	late     atomic.Int64
}

type connectedAt struct{}

func web(args []string) error {
	flags := flag.NewFlagSet("web", flag.ContinueOnError)
	listen := flags.String("listen", ":8080", "`ADDRESS`")
	startAfter := flags.Duration("start-after", 0, "listen only after this time")
	s := &webServer{}
	flags.DurationVar(&s.delay, "delay", 0, "of each answer")
	flags.DurationVar(&s.linger, "linger", 0, "goes on serving after SIGTERM or /drain for this time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	time.Sleep(*startAfter)
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.routes(), ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connectedAt{}, time.Now().UnixNano())
	}}
	fmt.Println("listening on", listener.Addr())
	go server.Serve(listener)
	<-stop
	s.stopped.Store(time.Now().UnixNano())
	s.draining.Store(true)
	fmt.Println("stopping")
	time.Sleep(s.linger)
	err = server.Shutdown(context.Background())
	fmt.Println("late requests:", s.late.Load())
	return err
}

func (s *webServer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) { answerUnless(w, s.draining.Load()) })
	mux.HandleFunc("/live", func(w http.ResponseWriter, _ *http.Request) { answerUnless(w, s.sick.Load()) })
	mux.HandleFunc("/kill", func(w http.ResponseWriter, _ *http.Request) { s.sick.Store(true) })
	mux.HandleFunc("/drain", func(w http.ResponseWriter, _ *http.Request) {
		s.draining.Store(true)
		fmt.Println("draining")
		time.Sleep(s.linger)
	})
	mux.HandleFunc("/", s.answer)
	return mux
}

func answerUnless(w http.ResponseWriter, no bool) {
	if no {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *webServer) answer(w http.ResponseWriter, r *http.Request) {
	at, _ := r.Context().Value(connectedAt{}).(int64)
	if stopped := s.stopped.Load(); stopped != 0 && at > stopped {
		s.late.Add(1)
	}
	delay := s.delay
	if wish, err := time.ParseDuration(r.URL.Query().Get("delay")); err == nil {
		delay = wish
	}
	time.Sleep(delay)
	fmt.Fprintf(w, "%s %s\n", hostname(), r.URL.Path)
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
