// Command sluice-e2e holds every real server that the end-to-end tests need in one binary: a
// Kubernetes control plane, kubectl, an OCI registry and a Git server.
//
// The program is chosen by the first argument, or by the name under which the binary is called.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"sluice.dev/e2e/controlplane/internal/cluster"
	"sluice.dev/e2e/controlplane/internal/gitserver"
	"sluice.dev/e2e/controlplane/internal/pki"
	"sluice.dev/e2e/controlplane/internal/registry"
)

// program runs with its own arguments (without its name) and returns when it is done.
type program struct {
	name, summary string
	run           func(args []string) error
}

var programs = []program{
	{"up", "start a control plane and stay until SIGTERM", cluster.Up},
	{"kubectl", "kubectl of the control plane's version", cluster.Kubectl},
	{"registry", "OCI registry in memory, with TLS, passwords and tokens on request", registry.Run},
	{"gitserver", "Git over HTTP, HTTPS and SSH, and a forward proxy", gitserver.Run},
	{"certs", "write a throw-away CA with a server and a client certificate", pki.Run},
	{"kube-apiserver", "part of `up`", cluster.APIServer},
	{"kube-controller-manager", "part of `up`", cluster.ControllerManager},
	{"kube-scheduler", "part of `up`", cluster.Scheduler},
	{"kwok", "part of `up`: plays the nodes and their pods", cluster.Kwok},
}

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	chosen := find(name)
	if chosen == nil && len(args) > 0 {
		name, args = args[0], args[1:]
		chosen = find(name)
	}
	if chosen == nil {
		usage()
		os.Exit(2)
	}
	// Kubernetes' commands read os.Args themselves.
	os.Args = append([]string{name}, args...)
	if err := chosen.run(args); err != nil {
		fmt.Fprintf(os.Stderr, "sluice-e2e %s: %v\n", name, err)
		os.Exit(1)
	}
}

func find(name string) *program {
	for i := range programs {
		if programs[i].name == name {
			return &programs[i]
		}
	}
	return nil
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: sluice-e2e PROGRAM [ARGUMENTS]   (PROGRAM --help for its flags)")
	out := tabwriter.NewWriter(os.Stderr, 0, 0, 2, ' ', 0)
	for _, p := range programs {
		if !strings.HasPrefix(p.summary, "part of") {
			fmt.Fprintf(out, "  %s\t%s\n", p.name, p.summary)
		}
	}
	_ = out.Flush()
}
