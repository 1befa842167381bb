// Kubeconfigs with everything inside them, for the user and for the controller manager.
package main

import (
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// writeKubeconfig writes the file in one step, readable by its owner only, and returns what it wrote.
func writeKubeconfig(path, url string, keys *pki, user pair) ([]byte, error) {
	config := api.NewConfig()
	config.Clusters["control-plane"] = &api.Cluster{Server: url, CertificateAuthorityData: keys.caPEM}
	config.AuthInfos[user.user] = &api.AuthInfo{ClientCertificateData: user.certPEM, ClientKeyData: user.keyPEM}
	config.Contexts["control-plane"] = &api.Context{Cluster: "control-plane", AuthInfo: user.user}
	config.CurrentContext = "control-plane"
	text, err := clientcmd.Write(*config)
	if err != nil {
		return nil, err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), ".kubeconfig-") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(text)
	if closeErr := draft.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	return text, os.Rename(draft.Name(), path)
}
