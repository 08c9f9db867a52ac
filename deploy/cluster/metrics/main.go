// What a HorizontalPodAutoscaler asks: Kubernetes' metrics-server for CPU, and beside it a server of custom metrics that
// answers from Prometheus. One binary, so that the libraries both are made of link once: the name it is called by says which.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
	metricsserver "sigs.k8s.io/metrics-server/cmd/metrics-server/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "metrics-server":
		os.Exit(cli.Run(metricsserver.NewMetricsServerCommand(genericapiserver.SetupSignalHandler())))
	case "prometheus-metrics":
		if err := servePodMetrics(os.Args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
	default:
		fmt.Fprintf(os.Stderr, "%s: call it metrics-server or prometheus-metrics\n", name)
		os.Exit(2)
	}
}
