// The parts of cert-manager that the end-to-end tests run, as one program. cert-manager's own main
// packages are not in its Go module; what they start is. Arguments that they read from a hundred
// flags are the defaults of a cert-manager release here, except where a test needs another.
//
//	cert-manager controller [FLAG...]   issuers, certificates, orders, challenges, ingress-shim
//	cert-manager cainjector [FLAG...]   writes CA bundles into APIServices
//	cert-manager example-webhook        the solver that cert-manager shows to authors of webhooks
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: cert-manager controller|cainjector|example-webhook [FLAG...]")
		os.Exit(2)
	}
	logf.InitLogs()
	ctrl.SetLogger(logf.Log)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	name, arguments := os.Args[1], os.Args[2:]
	var err error
	switch name {
	case "controller":
		err = runController(logf.NewContext(ctx, logf.Log, "controller"), arguments)
	case "cainjector":
		err = runCainjector(logf.NewContext(ctx, logf.Log, "cainjector"), arguments)
	case "example-webhook":
		os.Args = os.Args[1:]
		runExampleWebhook()
	default:
		err = fmt.Errorf("there is no %s", name)
	}
	logf.FlushLogs()
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "cert-manager %s: %v\n", name, err)
		os.Exit(1)
	}
}
