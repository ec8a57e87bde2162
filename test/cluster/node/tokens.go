package node

import (
	"context"
	"sync"
	"time"

	authentication "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// tokens are those of a Pod's service account, each bound to the Pod. One is replaced long before it ends: the kubelet
// does so at 80 % of its life, or after a day.
type tokens struct {
	pod  *pod
	lock sync.Mutex
	held map[tokenKey]heldToken
}

type tokenKey struct {
	audience string
	seconds  int64
}

type heldToken struct {
	text    string
	refresh time.Time
	expires time.Time
}

// get returns a token that is young enough, or, where a new one cannot be had, the old one.
func (t *tokens) get(ctx context.Context, projection *v1.ServiceAccountTokenProjection) (string, error) {
	key := tokenKey{projection.Audience, 3600}
	if projection.ExpirationSeconds != nil {
		key.seconds = *projection.ExpirationSeconds
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	old := t.held[key]
	if time.Now().Before(old.refresh) {
		return old.text, nil
	}
	fresh, err := t.request(ctx, key)
	if err != nil {
		if time.Now().Before(old.expires) {
			t.pod.event(v1.EventTypeWarning, "FailedTokenRefresh", err.Error())
			old.refresh = time.Now().Add(5 * time.Second)
			t.held[key] = old
			return old.text, nil
		}
		return "", err
	}
	t.held[key] = fresh
	return fresh.text, nil
}

func (t *tokens) request(ctx context.Context, key tokenKey) (heldToken, error) {
	request := &authentication.TokenRequest{Spec: authentication.TokenRequestSpec{
		ExpirationSeconds: &key.seconds,
		BoundObjectRef: &authentication.BoundObjectReference{
			APIVersion: "v1", Kind: "Pod", Name: t.pod.key.Name, UID: t.pod.uid,
		},
	}}
	if key.audience != "" {
		request.Spec.Audiences = []string{key.audience}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	asked := time.Now()
	account := t.pod.current().Spec.ServiceAccountName
	answer, err := t.pod.agent.client.CoreV1().ServiceAccounts(t.pod.key.Namespace).CreateToken(ctx, account, request, meta.CreateOptions{})
	if err != nil {
		return heldToken{}, err
	}
	expires := answer.Status.ExpirationTimestamp.Time
	age := min(expires.Sub(asked)*8/10, 24*time.Hour)
	if limit := t.pod.agent.config.TokenAge; limit > 0 {
		age = min(age, limit)
	}
	return heldToken{answer.Status.Token, asked.Add(age), expires}, nil
}

// forget makes all tokens old, so that the next write of the volumes asks for new ones.
func (t *tokens) forget() {
	t.lock.Lock()
	defer t.lock.Unlock()
	for key, held := range t.held {
		held.refresh = time.Time{}
		t.held[key] = held
	}
}

// untilRefresh is the time until the first of them is old; a day where there is none.
func (t *tokens) untilRefresh() time.Duration {
	t.lock.Lock()
	defer t.lock.Unlock()
	until := 24 * time.Hour
	for _, held := range t.held {
		until = min(until, time.Until(held.refresh))
	}
	return max(until, 0)
}
