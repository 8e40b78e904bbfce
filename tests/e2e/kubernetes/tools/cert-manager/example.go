package main

import (
	"os"
	"sync"

	"github.com/miekg/dns"
	"k8s.io/client-go/rest"

	"github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/acme/webhook/cmd"
)

// exampleSolver is the solver of cert-manager's webhook example: it answers TXT queries from memory
// on EXAMPLE_DNS_ADDRESS (UDP). Its group is GROUP_NAME.
type exampleSolver struct {
	lock   sync.Mutex
	values map[string]map[string]bool
}

func runExampleWebhook() {
	cmd.RunWebhookServer(os.Getenv("GROUP_NAME"), &exampleSolver{values: map[string]map[string]bool{}})
}

func (e *exampleSolver) Name() string {
	return "example"
}

func (e *exampleSolver) Present(request *v1alpha1.ChallengeRequest) error {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.values[request.ResolvedFQDN] == nil {
		e.values[request.ResolvedFQDN] = map[string]bool{}
	}
	e.values[request.ResolvedFQDN][request.Key] = true
	return nil
}

func (e *exampleSolver) CleanUp(request *v1alpha1.ChallengeRequest) error {
	e.lock.Lock()
	defer e.lock.Unlock()
	delete(e.values[request.ResolvedFQDN], request.Key)
	return nil
}

func (e *exampleSolver) Initialize(_ *rest.Config, stop <-chan struct{}) error {
	server := &dns.Server{Addr: os.Getenv("EXAMPLE_DNS_ADDRESS"), Net: "udp", Handler: e}
	go func() {
		if err := server.ListenAndServe(); err != nil {
			panic(err)
		}
	}()
	go func() {
		<-stop
		_ = server.Shutdown()
	}()
	return nil
}

func (e *exampleSolver) ServeDNS(writer dns.ResponseWriter, query *dns.Msg) {
	answer := new(dns.Msg)
	answer.SetReply(query)
	if len(query.Question) == 1 && query.Question[0].Qtype == dns.TypeTXT {
		e.lock.Lock()
		for value := range e.values[query.Question[0].Name] {
			header := dns.RR_Header{Name: query.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}
			answer.Answer = append(answer.Answer, &dns.TXT{Hdr: header, Txt: []string{value}})
		}
		e.lock.Unlock()
	}
	_ = writer.WriteMsg(answer)
}
