package main

import (
	"os"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/webhook"
	dns "github.com/cert-manager/cert-manager/test/acme"
)

// throughAggregator is cert-manager's own webhook client. The suite starts an API server without an
// aggregation layer for its manifests; the solver's requests go to the one of KUBECONFIG.
type throughAggregator struct {
	webhook.Webhook
}

func (s *throughAggregator) Initialize(_ *rest.Config, stop <-chan struct{}) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	return s.Webhook.Initialize(config, stop)
}

func TestConformance(t *testing.T) {
	solver := map[string]any{
		"groupName":  os.Getenv("GROUP_NAME"),
		"solverName": os.Getenv("SOLVER_NAME"),
		"config":     map[string]any{},
	}
	dns.NewFixture(&throughAggregator{},
		dns.SetResolvedZone(os.Getenv("TEST_ZONE_NAME")),
		dns.SetDNSServer(os.Getenv("TEST_DNS_SERVER")),
		dns.SetUseAuthoritative(false),
		dns.SetStrict(true),
		dns.SetConfig(solver),
	).RunConformance(t)
}
