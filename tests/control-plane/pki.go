// Keys and certificates of one control plane: an authority of its own, what it signs, and the key
// that service account tokens are signed with.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const serviceRange = "10.0.0.0/24"

type pki struct {
	dir                string
	caPEM              []byte
	caFile             string
	serviceAccountFile string
	serving            pair // the API server's
	admin              pair // the user's, may do everything
	controllerManager  pair
	probe              pair // for the look whether all is ready, told apart in the audit log
}

// pair is a certificate and its key, in memory and on disk.
type pair struct {
	user              string
	certPEM, keyPEM   []byte
	certFile, keyFile string
}

// authority signs the certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func makePKI(dir string) (*pki, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	keys := &pki{
		dir:                dir,
		caFile:             filepath.Join(dir, "ca.crt"),
		serviceAccountFile: filepath.Join(dir, "service-account.key"),
	}

	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificate("control-plane-ca", nil)
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, caKey.Public(), caKey)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	keys.caPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(keys.caFile, keys.caPEM, 0o600); err != nil {
		return nil, err
	}
	ca := authority{cert: cert, key: caKey, dir: dir}

	_, signerPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(keys.serviceAccountFile, signerPEM, 0o600); err != nil {
		return nil, err
	}

	serving := certificate("kube-apiserver", nil)
	serving.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	serving.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	serving.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)}
	if keys.serving, err = ca.sign(serving); err != nil {
		return nil, err
	}
	for _, client := range []struct {
		pair  *pair
		user  string
		group []string
	}{
		{&keys.admin, "admin", []string{"system:masters"}},
		{&keys.controllerManager, "system:kube-controller-manager", nil},
		{&keys.probe, "control-plane-probe", []string{"system:masters"}},
	} {
		template := certificate(client.user, client.group)
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		if *client.pair, err = ca.sign(template); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// certificate is a template: a month long, from a little before now, since clocks differ.
func certificate(name string, groups []string) *x509.Certificate {
	return &x509.Certificate{
		Subject:      pkix.Name{CommonName: name, Organization: groups},
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(0, 1, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

// sign makes a key for the template and writes both as <common name>.crt and .key.
func (ca authority) sign(template *x509.Certificate) (pair, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return pair{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return pair{}, err
	}
	name := template.Subject.CommonName
	made := pair{
		user:     name,
		certPEM:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:   keyPEM,
		certFile: filepath.Join(ca.dir, name+".crt"),
		keyFile:  filepath.Join(ca.dir, name+".key"),
	}
	if err := os.WriteFile(made.certFile, made.certPEM, 0o600); err != nil {
		return pair{}, err
	}
	return made, os.WriteFile(made.keyFile, made.keyPEM, 0o600)
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}
