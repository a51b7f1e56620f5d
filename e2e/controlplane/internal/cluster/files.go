package cluster

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"sluice.dev/e2e/controlplane/internal/pki"
)

// serviceIP is the first address of serviceRange: the API server's own Service.
const (
	serviceRange = "10.96.0.0/16"
	serviceIP    = "10.96.0.1"
)

// layout names the files of one control plane, all under one folder.
type layout struct{ dir string }

func (l layout) path(elements ...string) string {
	return filepath.Join(append([]string{l.dir}, elements...)...)
}
func (l layout) kubeconfig() string     { return l.path("kubeconfig") }
func (l layout) ready() string          { return l.path("ready") }
func (l layout) pki(file string) string { return l.path("pki", file) }
func (l layout) log(name string) string { return l.path("logs", name+".log") }
func (l layout) etcdData() string       { return l.path("etcd") }
func (l layout) compacted() string      { return l.path("compacted") }
func (l layout) auditPolicy() string    { return l.path("audit-policy.yaml") }
func (l layout) stages() string         { return l.path("stages.yaml") }
func (l layout) scratch() []string {
	return []string{"etcd", "pki", "logs", "ready", "compacted", "kubeconfig"}
}

// prepare empties what an earlier run left and writes keys, certificates and configuration.
func (l layout) prepare(server string) error {
	if err := l.checkOurs(); err != nil {
		return err
	}
	for _, name := range l.scratch() {
		if err := os.RemoveAll(l.path(name)); err != nil {
			return err
		}
	}
	for _, name := range []string{"pki", "logs"} {
		if err := os.MkdirAll(l.path(name), 0o700); err != nil {
			return err
		}
	}
	ca, err := pki.NewCA("kubernetes")
	if err != nil {
		return err
	}
	serving, err := ca.Server("127.0.0.1", "::1", "localhost", serviceIP,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
	if err != nil {
		return err
	}
	admin, err := ca.Client("admin", "system:masters")
	if err != nil {
		return err
	}
	serviceAccounts, err := pki.NewSigningKey()
	if err != nil {
		return err
	}
	if err := ca.Write(l.pki("ca")); err != nil {
		return err
	}
	if err := serving.Write(l.pki("apiserver")); err != nil {
		return err
	}
	if err := os.WriteFile(l.pki("service-accounts.key"), serviceAccounts, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(l.auditPolicy(), []byte(auditPolicy), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(l.stages(), []byte(podAndNodeStages()), 0o644); err != nil {
		return err
	}
	return writeKubeconfig(l.kubeconfig(), server, ca.Cert, admin)
}

// checkOurs refuses a folder in which something else has the name of what would be removed.
func (l layout) checkOurs() error {
	if _, err := os.Stat(l.auditPolicy()); err == nil {
		return nil
	}
	for _, name := range l.scratch() {
		if _, err := os.Lstat(l.path(name)); err == nil {
			return fmt.Errorf("%s exists and is not from an earlier run: choose another --dir", l.path(name))
		}
	}
	return nil
}

// auditPolicy records writes with their bodies, and reads by verb and path only.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:apiserver"]
- level: RequestResponse
  verbs: [create, update, patch, delete, deletecollection]
- level: Metadata
`

// client speaks to the API server with all rights, as fast as it answers.
func (l layout) client() (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", l.kubeconfig())
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return kubernetes.NewForConfig(config)
}

var kubeconfigTemplate = template.Must(template.New("kubeconfig").Parse(`apiVersion: v1
kind: Config
clusters:
- name: sluice-e2e
  cluster:
    server: {{.Server}}
    certificate-authority-data: {{.CA}}
users:
- name: admin
  user:
    client-certificate-data: {{.Cert}}
    client-key-data: {{.Key}}
contexts:
- name: sluice-e2e
  context: {cluster: sluice-e2e, user: admin}
current-context: sluice-e2e
`))

func writeKubeconfig(path, server string, ca []byte, admin pki.Pair) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	err = kubeconfigTemplate.Execute(file, map[string]string{
		"Server": server,
		"CA":     base64.StdEncoding.EncodeToString(ca),
		"Cert":   base64.StdEncoding.EncodeToString(admin.Cert),
		"Key":    base64.StdEncoding.EncodeToString(admin.Key),
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return file.Close()
}
