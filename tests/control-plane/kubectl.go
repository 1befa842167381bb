// kubectl as upstream ships it, inside this program.
package main

import (
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // for clusters with a sign-in of their own
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// kubectl runs kubectl with the given arguments. It exits by itself on an error.
func kubectl(args []string) {
	os.Args = append([]string{"kubectl"}, args...) // kubectl looks there for plugins and its own name
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
