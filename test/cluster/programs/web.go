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
//	/drain   for a preStop hook: it is to stop; answers after --linger
//	?delay=  this answer takes that long
//
// After SIGTERM it refuses nobody for --linger, and ends what is open. Once it is to stop, an answer's head says since
// when, as StoppingHeader.
type webServer struct {
	delay    time.Duration
	linger   time.Duration
	sick     atomic.Bool
	stopping atomic.Pointer[time.Time] // since when
}

// StoppingHeader tells who asked too late.
const StoppingHeader = "Stopping-For"

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
	server := &http.Server{Handler: s.routes()}
	fmt.Println("listening on", listener.Addr())
	go server.Serve(listener)
	<-stop
	s.stop()
	fmt.Println("stopping")
	time.Sleep(s.linger)
	return server.Shutdown(context.Background())
}

func (s *webServer) stop() {
	now := time.Now()
	s.stopping.CompareAndSwap(nil, &now)
}

func (s *webServer) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) { answerUnless(w, s.stopping.Load() != nil) })
	mux.HandleFunc("/live", func(w http.ResponseWriter, _ *http.Request) { answerUnless(w, s.sick.Load()) })
	mux.HandleFunc("/kill", func(w http.ResponseWriter, _ *http.Request) { s.sick.Store(true) })
	mux.HandleFunc("/drain", func(w http.ResponseWriter, _ *http.Request) {
		s.stop()
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
	if since := s.stopping.Load(); since != nil {
		w.Header().Set(StoppingHeader, time.Since(*since).String())
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
