package gate

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// Log gathers the lines that a process writes.
type Log struct {
	mu      sync.Mutex
	lines   []string
	partial []byte
}

func newLog() *Log { return &Log{} }

// Write is for the process.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		line, rest, found := bytes.Cut(l.partial, []byte{'\n'})
		if !found {
			return len(p), nil
		}
		l.lines = append(l.lines, string(line))
		l.partial = rest
	}
}

// Lines returns all whole lines so far.
func (l *Log) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[:len(l.lines):len(l.lines)]
}

// Text is all lines joined.
func (l *Log) Text() string { return strings.Join(l.Lines(), "\n") }

// Tail is the last n lines joined.
func (l *Log) Tail(n int) string {
	lines := l.Lines()
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Find returns the lines from index `from` on that contain `text`.
func (l *Log) Find(from int, text string) []string {
	var found []string
	for _, line := range l.Lines()[from:] {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// WaitLine waits for a line that contains `text`, from line index `from` on, and returns it.
func (l *Log) WaitLine(t testing.TB, from int, text string, limit time.Duration) string {
	t.Helper()
	var found []string
	WaitFor(t, limit, "a log line with "+text, func() bool {
		found = l.Find(from, text)
		return len(found) > 0
	})
	return found[0]
}

// Field returns the value of `name=value` in a line of text format, "" where there is none.
func Field(line, name string) string {
	_, rest, found := strings.Cut(line, " "+name+"=")
	if !found {
		return ""
	}
	if strings.HasPrefix(rest, `"`) {
		value, _, _ := strings.Cut(rest[1:], `"`)
		return value
	}
	value, _, _ := strings.Cut(rest, " ")
	return value
}
