package httpdiff

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// judge is our parser behind a pipe; test/diff/h1_judge.c says what it prints.
type judge struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startJudge(t *testing.T) *judge {
	t.Helper()
	path := os.Getenv("YETT_H1_JUDGE")
	if path == "" {
		path = "../../../build/test/diff/h1_judge"
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing: build it first (make), or say where it is in YETT_H1_JUDGE", path)
	}
	cmd := exec.Command(path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return &judge{in: in, out: bufio.NewReader(out)}
}

// A request as our parser understood it.
type request struct {
	method, target, host, version, kind string
	bytes                               uint64
}

// A verdict on a stream: the requests that were accepted, and how it ended.
type verdict struct {
	requests []request
	end      string
}

func (j *judge) judge(stream []byte) (verdict, error) {
	var v verdict
	message := append(binary.LittleEndian.AppendUint32(nil, uint32(len(stream))), stream...)
	if _, err := j.in.Write(message); err != nil {
		return v, err
	}
	for {
		line, err := j.out.ReadString('\n')
		if err != nil {
			return v, fmt.Errorf("h1_judge ended: %w", err)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			return v, nil
		}
		rest, accepted := strings.CutPrefix(line, "accept ")
		if !accepted {
			v.end = line
			continue
		}
		parts := strings.Split(rest, " ")
		if len(parts) != 6 {
			return v, fmt.Errorf("h1_judge said %q", line)
		}
		r := request{method: parts[0], target: parts[1], host: parts[2], version: parts[3], kind: parts[4]}
		if r.bytes, err = strconv.ParseUint(parts[5], 10, 64); err != nil {
			return v, fmt.Errorf("h1_judge said %q: %w", line, err)
		}
		v.requests = append(v.requests, r)
	}
}
