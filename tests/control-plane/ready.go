// Waits until the control plane can really be used, not only until it answers.
package main

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func probeClient(url string, keys *pki) (kubernetes.Interface, error) {
	return kubernetes.NewForConfig(&rest.Config{
		Host:    url,
		QPS:     -1,
		Timeout: 10 * time.Second,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   keys.caPEM,
			CertData: keys.probe.certPEM,
			KeyData:  keys.probe.keyPEM,
		},
	})
}

// waitForAPIServer waits for all of the API server's own checks, RBAC's first roles among them.
func waitForAPIServer(ctx context.Context, client kubernetes.Interface) {
	poll(func() error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// waitForDefaultNamespace waits for what the controllers put into it; so they run.
func waitForDefaultNamespace(ctx context.Context, client kubernetes.Interface) {
	core := client.CoreV1()
	poll(func() error {
		if _, err := core.ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
		_, err := core.ConfigMaps("default").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err
	})
}

// poll tries until it works; serve has an eye on the time.
func poll(check func() error) {
	for check() != nil {
		time.Sleep(50 * time.Millisecond)
	}
}
