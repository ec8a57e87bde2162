package main

import (
	"fmt"
	"net"
)

const idleConnections = 10000

// idleOpen opens connections and has one request answered on each, so that they are between two requests.
func idleOpen(g *gate) ([]net.Conn, error) {
	conns := make([]net.Conn, 0, idleConnections)
	for range idleConnections {
		conn, err := net.Dial("tcp", g.address())
		if err != nil {
			return conns, err
		}
		conns = append(conns, conn)
		if status := statusOf(conn, benchHost, "/"); status != 200 {
			return conns, fmt.Errorf("%s: connection %d: status %d", g.name, len(conns), status)
		}
	}
	return conns, nil
}

// idleMeasure returns a gate's private memory before and with the idle connections.
func idleMeasure(r *rig, g *gate) (beforeKB, withKB int, err error) {
	if _, err = r.load(g, warmUpRequests); err != nil {
		return 0, 0, err
	}
	beforeKB = memoryKB(g.pids, "Private_")
	conns, err := idleOpen(g)
	withKB = memoryKB(g.pids, "Private_")
	for _, conn := range conns {
		conn.Close()
	}
	return beforeKB, withKB, err
}

func benchIdle(r *rig) error {
	gates, err := startAll(r, gateOptions{})
	if err != nil {
		return err
	}
	defer stopAll(gates)
	rows := [][]string{{"", "bytes per connection", "private memory before", "with them"}}
	for _, g := range gates {
		before, with, err := idleMeasure(r, g)
		if err != nil {
			return err
		}
		rows = append(rows, []string{g.name, fmt.Sprint((with - before) * 1024 / idleConnections),
			fmt.Sprintf("%d KB", before), fmt.Sprintf("%d KB", with)})
	}
	fmt.Println("private memory of all processes of a gate; what the kernel keeps for a socket is not in it")
	printTable(rows)
	return nil
}
