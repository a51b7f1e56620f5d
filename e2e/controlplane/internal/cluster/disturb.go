package cluster

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
)

// restart ends the API server as a crash would and starts it again, at the same address and with the same data.
func restart(ctx context.Context, o upOptions, files layout, etcd *embed.Etcd, processes *children) error {
	if err := processes.end("kube-apiserver"); err != nil {
		return err
	}
	listener, err := listen(o.port)
	if err != nil {
		return err
	}
	if err := startAPIServer(o, files, etcd, processes, listener); err != nil {
		return err
	}
	client, err := files.client()
	if err != nil {
		return err
	}
	err = processes.guard(ctx, func(ctx context.Context) error { return untilHealthy(ctx, client, "/readyz") })
	if err != nil {
		return err
	}
	return os.WriteFile(files.ready(), nil, 0o644)
}

// compact has the store forget all revisions but the present one, as the API server does every five minutes.
func compact(ctx context.Context, _ upOptions, files layout, etcd *embed.Etcd, _ *children) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	revision := etcd.Server.KV().Rev()
	request := &etcdserverpb.CompactionRequest{Revision: revision, Physical: true}
	if _, err := etcd.Server.Compact(ctx, request); err != nil {
		return fmt.Errorf("compact the store: %w", err)
	}
	return os.WriteFile(files.compacted(), []byte(strconv.FormatInt(revision, 10)), 0o644)
}
