package cluster

import (
	_ "embed"
	"strings"

	node "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	pod "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
)

// failing makes pods with the label sluice.dev/e2e-pod fail in the ways that real ones do.
//
//go:embed stages-failing.yaml
var failing string

// podAndNodeStages is kwok's configuration: nodes and pods are ready at once, pods of Jobs succeed at
// once, unless a label asks for a failure.
func podAndNodeStages() string {
	return strings.Join([]string{
		node.DefaultNodeInit,
		pod.DefaultPodReady,
		pod.DefaultPodComplete,
		pod.DefaultPodDelete,
		failing,
	}, "\n---\n")
}
