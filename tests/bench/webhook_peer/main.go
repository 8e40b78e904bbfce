// The peer of the benchmark `webhook`: cert-manager's own library for webhook solvers, with a solver
// that keeps values in memory, as its example does.
package main

import (
	"sync"

	"k8s.io/client-go/rest"

	"github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/acme/webhook/cmd"
)

type memory struct {
	lock   sync.Mutex
	values map[string]map[string]bool
}

func (m *memory) Name() string { return "dns01d" }

func (m *memory) Initialize(*rest.Config, <-chan struct{}) error { return nil }

func (m *memory) Present(ch *v1alpha1.ChallengeRequest) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.values[ch.ResolvedFQDN] == nil {
		m.values[ch.ResolvedFQDN] = map[string]bool{}
	}
	m.values[ch.ResolvedFQDN][ch.Key] = true
	return nil
}

func (m *memory) CleanUp(ch *v1alpha1.ChallengeRequest) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	delete(m.values[ch.ResolvedFQDN], ch.Key)
	return nil
}

func main() {
	cmd.RunWebhookServer("acme.dns01d.dev", &memory{values: map[string]map[string]bool{}})
}
