package cluster

import (
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// startEtcd runs a one-member store inside this process. Nothing is synced to disk: the data lives
// no longer than the control plane.
func startEtcd(files layout) (*embed.Etcd, error) {
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}

	config := embed.NewConfig()
	config.Dir = files.etcdData()
	config.ListenClientUrls = anyPort
	config.AdvertiseClientUrls = anyPort
	config.ListenPeerUrls = anyPort
	config.AdvertisePeerUrls = anyPort
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.UnsafeNoFsync = true
	config.TickMs = 10
	config.ElectionMs = 100
	config.SnapshotCount = 5000
	config.MaxSnapFiles = 1
	config.MaxWalFiles = 1
	config.EnableGRPCGateway = false
	config.LogLevel = "warn"
	config.LogOutputs = []string{files.log("etcd")}

	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		return nil, fmt.Errorf("start etcd: %w", err)
	case <-time.After(20 * time.Second):
		etcd.Close()
		return nil, fmt.Errorf("etcd was not ready after 20 s; see %s", files.log("etcd"))
	}
	return etcd, nil
}

// endpoint is where the store serves.
func endpoint(etcd *embed.Etcd) string {
	return "http://" + etcd.Clients[0].Addr().String()
}
