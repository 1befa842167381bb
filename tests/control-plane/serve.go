// The serve subcommand: starts the parts in order, says READY, waits for a reason to end, and takes
// everything it made away again. The parts are not asked to end: their data is thrown away, so the
// process just stops, which takes no time however many watches are open.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// startLimit is how long it may take from the start to READY.
const startLimit = 2 * time.Minute

// errAsked is why serve ends when somebody wanted it to.
var errAsked = errors.New("asked to stop")

// failures carries what makes the control plane unusable, from any goroutine; the first one counts.
var failures = make(chan error, 16)

func fail(err error) {
	select {
	case failures <- err:
	default:
	}
}

// serve returns the exit code.
func serve(args []string) int {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.Usage = func() { fmt.Fprintf(os.Stderr, "%s\nFlags of serve:\n%s", usage, flags.FlagUsages()) }
	dir := flags.String("dir", "", "where to put kubeconfig, audit.log and control-plane.log; the logs stay there\n(default: a temporary folder, removed at the end)")
	kubeconfigOut := flags.String("kubeconfig-out", "", "where to write the kubeconfig (default: kubeconfig in the folder above)")
	withParent := flags.Bool("exit-with-parent", false, "end when the process that started this one ends, however it does")
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 {
		if err == nil {
			err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
		}
		fmt.Fprintln(os.Stderr, "control-plane: serve:", err)
		return 2
	}

	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		fail(errAsked)
	}()
	if *withParent {
		go watchParent(os.Getppid())
	}

	removeAbandonedFolders()
	files, err := makeFolders(*dir, *kubeconfigOut)
	if err != nil {
		fmt.Fprintln(os.Stderr, "control-plane: cannot start:", err)
		return 1
	}
	if err := logTo(files.log); err != nil {
		files.remove(false)
		fmt.Fprintln(os.Stderr, "control-plane: cannot start:", err)
		return 1
	}

	ready := make(chan struct{})
	go func() {
		if err := start(files); err != nil {
			fail(err)
			return
		}
		close(ready)
	}()
	doing := "start"
	deadline := time.After(startLimit)
	var reason error
	for reason == nil {
		select {
		case <-ready:
			doing, ready, deadline = "go on", nil, nil
			fmt.Printf("READY kubeconfig=%s audit=%s\n", files.kubeconfig, files.audit)
		case <-deadline:
			reason = fmt.Errorf("not ready after %s", startLimit)
		case reason = <-failures:
		}
	}

	if reason != errAsked {
		files.remove(true)
		fmt.Fprintf(os.Stderr, "control-plane: cannot %s: %v; log: %s\n", doing, reason, files.log)
		return 1
	}
	files.remove(false)
	return 0
}

// start starts the parts and returns once they serve.
func start(files *folders) error {
	ctx := context.Background()
	keys, err := makePKI(filepath.Join(files.work, "pki"))
	if err != nil {
		return fmt.Errorf("keys and certificates: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "https://" + listener.Addr().String()

	etcdURL, err := startEtcd(files.work, files.log)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}

	go func() {
		err := runAPIServer(ctx, listener, etcdURL, keys, files)
		fail(fmt.Errorf("kube-apiserver ended: %v", err))
	}()
	client, err := probeClient(url, keys)
	if err != nil {
		return err
	}
	waitForAPIServer(ctx, client)

	managerConfig := filepath.Join(files.work, "controller-manager.kubeconfig")
	if _, err := writeKubeconfig(managerConfig, url, keys, keys.controllerManager); err != nil {
		return err
	}
	go func() {
		err := runControllerManager(ctx, managerConfig, keys)
		fail(fmt.Errorf("kube-controller-manager ended: %v", err))
	}()
	waitForDefaultNamespace(ctx, client)

	text, err := writeKubeconfig(files.kubeconfig, url, keys, keys.admin)
	files.kubeconfigText.Store(&text)
	return err
}

// watchParent asks for the end once the parent process is gone. The kernel hands its children to
// another process then, whatever it died of. (PR_SET_PDEATHSIG would fire already when the thread
// that started us ends, as a test's thread does; the end of standard input is easily held off by
// somebody who inherited the other side.)
func watchParent(parent int) {
	for os.Getppid() == parent {
		time.Sleep(200 * time.Millisecond)
	}
	fail(errAsked)
}
