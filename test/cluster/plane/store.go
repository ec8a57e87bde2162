package plane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Compact drops etcd's history: a watch that starts from an older resourceVersion gets 410 Gone, unless the API server
// still has the events in memory, which it has not after a restart.
func (p *Plane) Compact(ctx context.Context) error {
	var state struct {
		Header struct{ Revision string }
	}
	if err := p.askStore(ctx, "range", map[string]any{"key": "AA=="}, &state); err != nil {
		return err
	}
	var ignored struct{}
	return p.askStore(ctx, "compaction", map[string]any{"revision": state.Header.Revision, "physical": true}, &ignored)
}

// askStore calls etcd's JSON gateway.
func (p *Plane) askStore(ctx context.Context, method string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, storeAddress+"/v3/kv/"+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DialContext: p.NS.DialContext, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd: %s: %s", response.Status, strings.TrimSpace(text.String()))
	}
	return json.Unmarshal(text.Bytes(), answer)
}
