// The control-plane program: a real Kubernetes control plane in one process, for tests and the demo,
// and kubectl for machines that have none. This file picks the subcommand.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// kubernetesVersion is set by build.sh from go.mod.
var kubernetesVersion = "unknown"

const usage = `Usage:
  control-plane serve [--dir DIR] [--kubeconfig-out FILE] [--exit-with-parent]
  control-plane kubectl ARGUMENTS...
  control-plane version

serve starts etcd, kube-apiserver and the controller manager in this process, on 127.0.0.1 and a free
port, and prints one line once they are ready: READY kubeconfig=<path> audit=<path>. It runs until
SIGINT or SIGTERM. Called by the name kubectl, the program is kubectl.
`

func main() {
	if filepath.Base(os.Args[0]) == "kubectl" {
		kubectl(os.Args[1:])
		return
	}
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch command {
	case "serve":
		os.Exit(serve(os.Args[2:]))
	case "kubectl":
		kubectl(os.Args[2:])
	case "version", "--version":
		fmt.Println("control-plane: Kubernetes", kubernetesVersion)
	case "help", "--help", "-h":
		fmt.Print(usage)
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
}
