// etcd inside this process: one member, on a unix socket that only this user can reach, without
// fsync, since its data lives no longer than the process.
package main

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// startEtcd returns once etcd serves, with its URL.
func startEtcd(dir, log string) (string, error) {
	clients := url.URL{Scheme: "unix", Path: filepath.Join(dir, "etcd.sock")}
	peers := url.URL{Scheme: "unix", Path: filepath.Join(dir, "etcd-peer.sock")}
	if len(peers.Path) > 100 {
		return "", fmt.Errorf("the path of the temporary folder is too long for a socket: %s", dir)
	}

	config := embed.NewConfig()
	config.Dir = filepath.Join(dir, "etcd")
	config.ListenClientUrls = []url.URL{clients}
	config.ListenPeerUrls = []url.URL{peers}
	// What is advertised has to have a host and a port. Nobody goes there: there is one member, and
	// its client knows the socket.
	nowhere := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.AdvertiseClientUrls = []url.URL{nowhere}
	config.AdvertisePeerUrls = []url.URL{nowhere}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.UnsafeNoFsync = true
	config.TickMs = 10
	config.ElectionMs = 100
	config.QuotaBackendBytes = 4 << 30
	config.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration // else it warns of each
	config.LogLevel = "warn"
	config.LogOutputs = []string{log}

	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return "", err
	}
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		return "", err
	case <-time.After(30 * time.Second):
		return "", errors.New("not ready after 30 s")
	}
	go func() {
		for err := range etcd.Err() {
			fail(fmt.Errorf("etcd: %w", err))
		}
	}()
	return clients.String(), nil
}
