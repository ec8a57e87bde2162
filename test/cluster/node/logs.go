package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// A container's logs are files of lines "TIME STREAM F|P TEXT" (the kubelet's CRI format; P: the line goes on), one
// file for each life. Those of the running and of the last life are kept.

// openedLog is where a starting process is to write.
type openedLog struct {
	stdout, stderr *os.File
	done           chan struct{} // all is in the file
}

// logFile is that of this life of the container (0), or of the one before (1).
func (c *container) logFile(back int) string {
	c.pod.lock.Lock()
	defer c.pod.lock.Unlock()
	return c.dir(fmt.Sprintf("log.%d", c.lives-back))
}

func (c *container) openLog() (*openedLog, error) {
	c.pod.lock.Lock()
	c.lives++
	c.pod.lock.Unlock()
	os.Remove(c.logFile(2))
	out, err := os.OpenFile(c.logFile(0), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return nil, err
	}
	log := &openedLog{done: make(chan struct{})}
	var copies sync.WaitGroup
	for _, stream := range []struct {
		name string
		end  **os.File
	}{{"stdout", &log.stdout}, {"stderr", &log.stderr}} {
		reader, writer, err := os.Pipe()
		if err != nil {
			out.Close()
			return nil, err
		}
		*stream.end = writer
		copies.Go(func() { copyLines(out, reader, stream.name) })
	}
	go func() {
		copies.Wait()
		out.Close()
		close(log.done)
	}()
	return log, nil
}

// closeWriters leaves the pipes to the process.
func (l *openedLog) closeWriters() {
	l.stdout.Close()
	l.stderr.Close()
}

func copyLines(out io.Writer, in *os.File, stream string) {
	defer in.Close()
	reader := bufio.NewReaderSize(in, 16<<10)
	for {
		text, isPart, err := reader.ReadLine()
		if err != nil {
			return
		}
		tag := "F"
		if isPart {
			tag = "P"
		}
		// One write for a line: two streams share the file.
		fmt.Fprintf(out, "%s %s %s %s\n", time.Now().UTC().Format(logTime), stream, tag, text)
	}
}

const logTime = "2006-01-02T15:04:05.000000000Z07:00"

// lastLines is the text of the last lines of a log.
func lastLines(path string, count int) []byte {
	text, _ := os.ReadFile(path)
	var out bytes.Buffer
	for _, line := range tail(bytes.SplitAfter(text, []byte("\n")), count) {
		out.Write(plain(line))
	}
	return out.Bytes()
}

// tail: what follows the last newline is no line.
func tail(lines [][]byte, count int) [][]byte {
	lines = lines[:len(lines)-1]
	return lines[max(0, len(lines)-count):]
}

// plain takes the head off a log line.
func plain(line []byte) []byte {
	fields := bytes.SplitN(line, []byte(" "), 4)
	if len(fields) < 4 {
		return line
	}
	if fields[2][0] == 'P' {
		return bytes.TrimSuffix(fields[3], []byte("\n"))
	}
	return fields[3]
}

// logRequest is what `kubectl logs` can ask for.
type logRequest struct {
	Follow, Previous, Timestamps bool
	Tail                         int // -1: all
	Since                        time.Time
	Limit                        int64 // bytes; 0: none
}

var errEnough = errors.New("the limit is reached")

// copyLog writes what is asked for; while following, until the container's life ends.
func (c *container) copyLog(ctx context.Context, request logRequest, out io.Writer) error {
	back := 0
	if request.Previous {
		back = 1
	}
	path := c.logFile(back)
	file, err := os.Open(path)
	if err != nil {
		if request.Previous {
			return fmt.Errorf("previous terminated container %q in pod %q not found", c.spec.Name, c.pod.key.Name)
		}
		return fmt.Errorf("container %q in pod %q is waiting to start: %s", c.spec.Name, c.pod.key.Name, c.waitingReason())
	}
	defer file.Close()
	rest := []byte(nil)
	for first := true; ; first = false {
		isOver := c.logFile(back) != path || c.runningProcess() == nil
		text, err := io.ReadAll(file)
		if err != nil {
			return err
		}
		lines := bytes.SplitAfter(append(rest, text...), []byte("\n"))
		rest = lines[len(lines)-1]
		count := len(lines)
		if first && request.Tail >= 0 {
			count = request.Tail
		}
		err = request.write(out, tail(lines, count))
		if err != nil || !request.Follow || isOver || !sleep(ctx, 100*time.Millisecond) {
			return err
		}
	}
}

func (r *logRequest) write(out io.Writer, lines [][]byte) error {
	for _, line := range lines {
		if stamp, _, ok := bytes.Cut(line, []byte(" ")); ok && !r.Since.IsZero() {
			if at, err := time.Parse(logTime, string(stamp)); err == nil && at.Before(r.Since) {
				continue
			}
		}
		text := plain(line)
		if r.Timestamps {
			stamp, _, _ := bytes.Cut(line, []byte(" "))
			text = bytes.Join([][]byte{stamp, text}, []byte(" "))
		}
		if r.Limit > 0 {
			if int64(len(text)) >= r.Limit {
				out.Write(text[:r.Limit])
				return errEnough
			}
			r.Limit -= int64(len(text))
		}
		if _, err := out.Write(text); err != nil {
			return err
		}
	}
	return nil
}

func (c *container) waitingReason() string {
	c.pod.lock.Lock()
	defer c.pod.lock.Unlock()
	if waiting := c.status.State.Waiting; waiting != nil {
		return waiting.Reason
	}
	return "it has not run"
}
