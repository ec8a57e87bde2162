package programs

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
)

// raw answers on TCP with the Pod's name and then each byte that comes, and each datagram with the name before it. It
// ends with the signal, whoever is connected.
func raw(args []string) error {
	flags := flag.NewFlagSet("raw", flag.ContinueOnError)
	listen := flags.String("listen", ":7000", "`ADDRESS`, of TCP and UDP")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	socket, err := net.ListenPacket("udp", *listen)
	if err != nil {
		return err
	}
	go rawStreams(listener)
	go rawDatagrams(socket)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	return nil
}

func rawStreams(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer connection.Close()
			fmt.Fprintln(connection, hostname())
			io.Copy(connection, connection)
		}()
	}
}

func rawDatagrams(socket net.PacketConn) {
	buffer := make([]byte, 64<<10)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		socket.WriteTo(append([]byte(hostname()+" "), buffer[:n]...), from)
	}
}
