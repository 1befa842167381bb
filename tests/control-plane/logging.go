// Sends what the Kubernetes parts log to a file, so that the terminal stays readable.
package main

import (
	"flag"
	"fmt"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// logTo sends klog's output to the file, and turns "log and exit" into a failure that is cleaned up.
func logTo(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL", "one_output": "true"} {
		if err := flags.Set(name, value); err != nil {
			return err
		}
	}
	klog.SetOutput(file)
	klog.OsExit = func(code int) {
		fail(fmt.Errorf("a part gave up with code %d", code))
		select {}
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	return nil
}
