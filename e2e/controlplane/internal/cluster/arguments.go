package cluster

import "strings"

// apiServerArgs are chosen for a short start and little memory; what tests can see (RBAC, admission,
// service account tokens, priority and fairness) stays as in a cluster.
func apiServerArgs(files layout, etcd, auditLog string) []string {
	args := []string{
		"--etcd-servers=" + etcd,
		"--storage-media-type=application/vnd.kubernetes.protobuf",
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=" + serviceRange,
		"--tls-cert-file=" + files.pki("apiserver.crt"),
		"--tls-private-key-file=" + files.pki("apiserver.key"),
		"--client-ca-file=" + files.pki("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + files.pki("service-accounts.key"),
		"--service-account-signing-key-file=" + files.pki("service-accounts.key"),
		"--authorization-mode=RBAC",
		// It taints new nodes until the node-lifecycle controller, which is off, finds them ready.
		"--disable-admission-plugins=TaintNodesByCondition",
		"--allow-privileged",
		"--profiling=false",
		"--max-requests-inflight=2000",
		"--max-mutating-requests-inflight=1000",
		"--shutdown-delay-duration=0s",
	}
	if auditLog != "" {
		// Size 0: never rotated. Tests remember places in the file.
		args = append(args, "--audit-policy-file="+files.auditPolicy(), "--audit-log-path="+auditLog, "--audit-log-maxsize=0")
	}
	return args
}

// unused names the controllers that act on clouds, nodes, volumes and certificates: here they would
// find nothing to do but poll.
var unused = []string{
	"bootstrap-signer-controller", "certificatesigningrequest-cleaner-controller",
	"device-taint-eviction-controller", "ephemeral-volume-controller",
	"legacy-serviceaccount-token-cleaner-controller", "node-ipam-controller", "node-lifecycle-controller",
	"persistentvolume-attach-detach-controller", "persistentvolume-expander-controller",
	"podcertificaterequest-cleaner-controller", "resourceclaim-controller",
	"selinux-warning-controller", "service-lb-controller", "storageversion-garbage-collector-controller",
	"taint-eviction-controller", "token-cleaner-controller", "ttl-controller",
}

func controllerManagerArgs(files layout) []string {
	return []string{
		"--kubeconfig=" + files.kubeconfig(),
		"--controllers=*,-" + strings.Join(unused, ",-"),
		"--secure-port=0",
		"--leader-elect=false",
		"--service-account-private-key-file=" + files.pki("service-accounts.key"),
		"--root-ca-file=" + files.pki("ca.crt"),
		"--cluster-signing-cert-file=" + files.pki("ca.crt"),
		"--cluster-signing-key-file=" + files.pki("ca.key"),
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--concurrent-namespace-syncs=20",
		"--controller-start-interval=0s",
		"--profiling=false",
	}
}

func schedulerArgs(files layout) []string {
	return []string{
		"--kubeconfig=" + files.kubeconfig(),
		"--authentication-kubeconfig=",
		"--secure-port=0",
		"--leader-elect=false",
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--profiling=false",
	}
}

func kwokArgs(files layout) []string {
	return []string{
		"--kubeconfig=" + files.kubeconfig(),
		"--config=" + files.stages(),
		"--manage-all-nodes",
		"--node-lease-duration-seconds=0",
		"--server-address=",
	}
}
