// kube-apiserver inside this process: RBAC, the default admission plug-ins (Pod Security and service
// accounts among them), an audit log that is complete when a request is, and no throttling.
package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// auditPolicy records every request once, when it is answered. A watch is recorded twice: when it
// begins and when it ends.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// runAPIServer serves on the listener until ctx ends.
func runAPIServer(ctx context.Context, listener net.Listener, etcdURL string, keys *pki, files *folders) error {
	policy := filepath.Join(files.work, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return err
	}

	opts := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range opts.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse([]string{
		"--etcd-servers=" + etcdURL,

		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(listener.Addr().(*net.TCPAddr).Port),
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=" + serviceRange,
		"--cert-dir=" + keys.dir,
		"--tls-cert-file=" + keys.serving.certFile,
		"--tls-private-key-file=" + keys.serving.keyFile,

		"--client-ca-file=" + keys.caFile,
		"--authorization-mode=RBAC",
		"--allow-privileged=true", // so that Pod Security, not this, says what is refused
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-signing-key-file=" + keys.serviceAccountFile,
		"--service-account-key-file=" + keys.serviceAccountFile,

		"--audit-policy-file=" + policy,
		"--audit-log-path=" + files.audit,
		"--audit-log-mode=blocking-strict", // an entry is there when the answer is complete
		"--audit-log-maxsize=1000000",      // megabytes: one file, never rotated away under a reader

		"--enable-priority-and-fairness=false",
		"--max-requests-inflight=0",
		"--max-mutating-requests-inflight=0",
		"--profiling=false",
	}); err != nil {
		return err
	}
	opts.SecureServing.Listener = listener

	if err := opts.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := opts.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return utilerrors.NewAggregate(errs)
	}
	return app.Run(ctx, completed)
}
