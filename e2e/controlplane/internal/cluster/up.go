// Package cluster runs a Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager and,
// with nodes, kube-scheduler and kwok.
package cluster

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
	"go.etcd.io/etcd/server/v3/embed"

	"sluice.dev/e2e/controlplane/internal/process"
)

// startLimit is generous: a loaded machine of two cores takes four times as long as an idle one.
const startLimit = 90 * time.Second

type upOptions struct {
	dir, auditLog string
	port, nodes   int
	withParent    bool
	temporary     bool
}

// announcement is the line printed once the control plane is ready.
type announcement struct {
	Kubeconfig  string `json:"kubeconfig"`
	Server      string `json:"server"`
	Dir         string `json:"dir"`
	AuditLog    string `json:"auditLog,omitempty"`
	Nodes       int    `json:"nodes"`
	PID         int    `json:"pid"`
	StartMillis int64  `json:"startMillis"`
}

// Up is the `up` program: it starts an empty control plane and stays until it is told to stop.
func Up(args []string) error {
	var o upOptions
	flags := pflag.NewFlagSet("up", pflag.ExitOnError)
	flags.StringVar(&o.dir, "dir", "", "folder for data, logs and kubeconfig; without it a temporary one, removed at the end")
	flags.StringVar(&o.auditLog, "audit-log", "", "file for audit events: writes with bodies, reads by path")
	flags.IntVar(&o.port, "port", 0, "port of the API server on 127.0.0.1; 0 takes a free one")
	flags.IntVar(&o.nodes, "nodes", 2, "fake nodes on which pods become ready; with 0 no scheduler and no kwok are started")
	flags.BoolVar(&o.temporary, "temporary", false, "remove --dir at the end")
	flags.BoolVar(&o.withParent, "exit-with-parent", false, "stop when the process that started this one dies")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "sluice-e2e-")
		if err != nil {
			return err
		}
		o.dir, o.temporary = dir, true
	}
	if o.temporary {
		defer os.RemoveAll(o.dir)
	}
	return up(o)
}

func up(o upOptions) error {
	began := time.Now()
	ctx, cancel := process.UntilStopped(o.withParent)
	defer cancel()
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if o.auditLog != "" {
		if o.auditLog, err = filepath.Abs(o.auditLog); err != nil {
			return err
		}
	}
	files := layout{dir}

	listener, err := listen(o.port)
	if err != nil {
		return err
	}
	o.port = listener.Addr().(*net.TCPAddr).Port
	server := "https://" + listener.Addr().String()
	if err := files.prepare(server); err != nil {
		return err
	}
	etcd, err := startEtcd(files)
	if err != nil {
		return err
	}
	defer etcd.Close()

	processes := newChildren(files)
	defer processes.kill()
	if err := startAPIServer(o, files, etcd, processes, listener); err != nil {
		return err
	}

	err = processes.guard(ctx, func(ctx context.Context) error { return startRest(ctx, o, files, processes) })
	if err != nil {
		return stopped(ctx, err)
	}
	if err := os.WriteFile(files.ready(), []byte(server+"\n"), 0o644); err != nil {
		return err
	}
	defer os.Remove(files.ready())
	err = process.Announce(announcement{
		Kubeconfig: files.kubeconfig(), Server: server, Dir: dir, AuditLog: o.auditLog, Nodes: o.nodes,
		PID: os.Getpid(), StartMillis: time.Since(began).Milliseconds(),
	})
	if err != nil {
		return err
	}
	return serve(ctx, o, files, etcd, processes)
}

// serve stays until the control plane ends, and meanwhile disturbs it as tests ask: SIGUSR1 restarts the API server,
// SIGUSR2 compacts the store. The file `ready` and the file `compacted` are written when that is done.
func serve(ctx context.Context, o upOptions, files layout, etcd *embed.Etcd, processes *children) error {
	asked := make(chan os.Signal, 8)
	signal.Notify(asked, syscall.SIGUSR1, syscall.SIGUSR2)
	for {
		select {
		case <-ctx.Done():
			return nil
		case ended := <-processes.exited:
			processes.exited <- ended // kill waits for one message of each child
			return ended.err
		case wanted := <-asked:
			disturb := restart
			if wanted == syscall.SIGUSR2 {
				disturb = compact
			}
			if err := disturb(ctx, o, files, etcd, processes); err != nil {
				return stopped(ctx, err)
			}
		}
	}
}

func listen(port int) (*net.TCPListener, error) {
	return net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
}

// startAPIServer hands the listener over: only the child accepts, so a connection is refused once the child is gone.
func startAPIServer(o upOptions, files layout, etcd *embed.Etcd, processes *children, listener *net.TCPListener) error {
	defer listener.Close()
	socket, err := listener.File()
	if err != nil {
		return err
	}
	defer socket.Close()
	return processes.start("kube-apiserver", apiServerArgs(files, endpoint(etcd), o.auditLog), socket)
}

// startRest waits for the API server and brings up everything that talks to it.
func startRest(ctx context.Context, o upOptions, files layout, processes *children) error {
	client, err := files.client()
	if err != nil {
		return err
	}
	if err := untilHealthy(ctx, client, "/readyz"); err != nil {
		return err
	}
	if err := processes.start("kube-controller-manager", controllerManagerArgs(files)); err != nil {
		return err
	}
	if o.nodes > 0 {
		if err := createNodes(ctx, client, o.nodes); err != nil {
			return err
		}
		if err := processes.start("kwok", kwokArgs(files)); err != nil {
			return err
		}
		if err := processes.start("kube-scheduler", schedulerArgs(files)); err != nil {
			return err
		}
		if err := untilNodesReady(ctx, client, o.nodes); err != nil {
			return err
		}
	}
	return untilServiceAccount(ctx, client)
}

// guard runs the start under a time limit and ends it when a child dies meanwhile.
func (c *children) guard(ctx context.Context, start func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- start(ctx) }()
	select {
	case err := <-done:
		return err
	case ended := <-c.exited:
		c.exited <- ended
		return ended.err
	}
}

// stopped turns the error of a start that was interrupted by a signal into a clean end.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
