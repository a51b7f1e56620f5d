#!/usr/bin/env python3
"""How long, and at what cost, N Kustomizations follow a Git repository.

  git.py --bin-dir DIR [--n 100] [--sources one|each] [--json FILE]

Starts a control plane without nodes, a Git server, and the source- and kustomize-controller of DIR (any
that keep Flux's flags). Each Kustomization applies a ServiceAccount, a Service, a Deployment and an
Ingress of its own, with substitution, impersonation and `wait`. Measured until every Kustomization is
Ready at the expected revision: the install, an upgrade that changes every object, and a commit that
changes nothing they use. Seconds are wall time; CPU seconds and resident memory are the operating
system's account of each controller. Compare only figures of one machine taken one after the other.
"""
import argparse, json, os, pathlib, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import servers

NAMESPACE = "bench"
LABELS = 'labels: {app.kubernetes.io/name: "app-${INDEX}", app.kubernetes.io/version: "VERSION"}'
MANIFESTS = f"""\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: "app-${{INDEX}}"
  {LABELS}
---
apiVersion: v1
kind: Service
metadata:
  name: "app-${{INDEX}}"
  {LABELS}
spec:
  selector: {{app.kubernetes.io/name: "app-${{INDEX}}"}}
  ports:
    - {{port: 9898, targetPort: http, name: http}}
    - {{port: 9999, targetPort: grpc, name: grpc}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: "app-${{INDEX}}"
  {LABELS}
spec:
  replicas: 0
  selector:
    matchLabels: {{app.kubernetes.io/name: "app-${{INDEX}}"}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: "app-${{INDEX}}"}}
    spec:
      serviceAccountName: "app-${{INDEX}}"
      containers:
        - name: app
          image: registry.example/app:VERSION
          command: [./app, --port=9898, --grpc-port=9999]
          ports:
            - {{name: http, containerPort: 9898}}
            - {{name: grpc, containerPort: 9999}}
          resources: {{requests: {{cpu: 1m, memory: 16Mi}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: "app-${{INDEX}}"
  {LABELS}
spec:
  ingressClassName: nginx
  rules:
    - host: "app-${{INDEX}}.local"
      http:
        paths:
          - path: /
            pathType: ImplementationSpecific
            backend: {{service: {{name: "app-${{INDEX}}", port: {{number: 9898}}}}}}
"""


class Kubectl:
    def __init__(self, kubeconfig):
        self.base = [servers.e2e_binary(), "kubectl", "--kubeconfig", str(kubeconfig)]

    def __call__(self, *args, text=None):
        done = subprocess.run([*self.base, *args], input=text, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"kubectl {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, objects):
        self("apply", "--server-side", "--force-conflicts", "--filename", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


class Lines:
    """The lines of a `kubectl get --watch`, read by a thread. A watch that ends, as every one does some time, begins anew."""

    def __init__(self, kubectl, *output):
        self.command = [*kubectl.base, "get", "kustomizations", "--namespace", NAMESPACE, "--watch", "--output", *output]
        self.process, self.stopped = None, False
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while not self.stopped:
            self.process = subprocess.Popen(self.command, text=True, stdout=subprocess.PIPE)
            self.read(self.process.stdout)
            self.process.wait()
            time.sleep(0.1)

    def stop(self):
        self.stopped = True
        if self.process:
            self.process.terminate()
            self.process.wait()


class Watch(Lines):
    """The latest state of every Kustomization, kept by one watch: polling would load the API server."""

    def __init__(self, kubectl):
        self.objects = {}
        super().__init__(kubectl, "json")

    def read(self, lines):
        decoder, buffer = json.JSONDecoder(), ""
        for line in lines:
            buffer += line
            if line == "}\n":
                object_, end = decoder.raw_decode(buffer)
                buffer = buffer[end:].lstrip()
                self.objects[object_["metadata"]["name"]] = object_

    def ready(self, revision):
        def at(object_):
            status = object_.get("status", {})
            conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
            return status.get("lastAppliedRevision") == revision and conditions.get("Ready") == "True"
        return sum(map(at, list(self.objects.values())))


class Controller:
    def __init__(self, path, flags, environment, log):
        self.process = subprocess.Popen([path, *flags], env=environment, stdout=log, stderr=log)
        self.spent = 0.0

    def cpu(self):
        """CPU seconds since the last call."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        total = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        spent, self.spent = total - self.spent, total
        return round(spent, 2)

    def memory(self, field):
        """MiB: VmRSS is now, VmHWM the peak."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return round(int(line.split()[1]) / 1024, 1)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def commit(clone, files, message):
    for name, text in files.items():
        path = clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git = ["git", "-C", clone, "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for args in (["add", "--all"], ["commit", "--quiet", "--message", message], ["push", "--quiet", "origin", "HEAD:main"]):
        subprocess.run([*git, *args], check=True)
    return "main@sha1:" + subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def objects(n, url, sources):
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "flux", "namespace": NAMESPACE}}
    yield {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "flux", "namespace": NAMESPACE},
           "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
           "subjects": [{"kind": "ServiceAccount", "name": "flux", "namespace": NAMESPACE}]}
    for name in source_names(n, sources):
        yield {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": {"name": name, "namespace": NAMESPACE},
               "spec": {"interval": "60m", "url": url, "ref": {"branch": "main"}}}
    for i in range(n):
        source = source_names(n, sources)[i if sources == "each" else 0]
        yield {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": f"app-{i}", "namespace": NAMESPACE},
               "spec": {"sourceRef": {"kind": "GitRepository", "name": source}, "interval": "60m", "path": "./app", "prune": True, "wait": True,
                        "timeout": "1m", "serviceAccountName": "flux", "targetNamespace": NAMESPACE, "postBuild": {"substitute": {"INDEX": str(i)}}}}


def source_names(n, sources):
    return [f"app-{i}" for i in range(n)] if sources == "each" else ["app"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=pathlib.Path, default=servers.ROOT / "bin")
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--sources", choices=["one", "each"], default="one", help="one GitRepository for all, or one for each")
    parser.add_argument("--limit", type=float, default=480, help="seconds to wait for a phase")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures there")
    options = parser.parse_args()
    figures = {"n": options.n, "sources": options.sources}
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        work = pathlib.Path(folder)
        (work / "git").mkdir()
        (work / "storage").mkdir()
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", work / "git" / "app.git"], check=True)
        clone = work / "clone"
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", clone], check=True)
        subprocess.run(["git", "-C", clone, "remote", "add", "origin", work / "git" / "app.git"], check=True)
        with servers.control_plane(work / "cluster", nodes=0) as cluster, servers.server("gitserver", "--root", str(work / "git"), "--http", "127.0.0.1:0") as git:
            servers.install_crds(cluster["kubeconfig"])
            kubectl = Kubectl(cluster["kubeconfig"])
            environment = os.environ | {"KUBECONFIG": str(cluster["kubeconfig"]), "RUNTIME_NAMESPACE": "flux-system"}
            log = open(work / "controllers.log", "w")
            controllers = {
                "source": Controller(options.bin_dir / "source-controller", [f"--storage-path={work / 'storage'}", "--storage-addr=127.0.0.1:19190", "--storage-adv-addr=127.0.0.1:19190",
                                     "--metrics-addr=127.0.0.1:19191", "--health-addr=127.0.0.1:19192", "--concurrent=10"], environment, log),
                "kustomize": Controller(options.bin_dir / "kustomize-controller", ["--metrics-addr=127.0.0.1:19193", "--health-addr=127.0.0.1:19194", "--concurrent=10"], environment, log),
            }
            try:
                time.sleep(3)
                figures["start"] = {name: {"idle MiB": c.memory("VmRSS")} for name, c in controllers.items()}
                phases = {
                    "install": {"app/app.yaml": MANIFESTS.replace("VERSION", "1.0.0")},
                    "upgrade": {"app/app.yaml": MANIFESTS.replace("VERSION", "2.0.0")},
                    "nothing they use": {"README.md": "not a manifest"},
                }
                watch = None
                for phase, files in phases.items():
                    revision = commit(clone, files, phase)
                    for c in controllers.values():
                        c.cpu()
                    began = time.monotonic()
                    if watch is None:
                        kubectl.apply(list(objects(options.n, f"{git['http']}/app.git", options.sources)))
                        watch = Watch(kubectl)
                    else:
                        kubectl("annotate", "gitrepositories", "--all", "--namespace", NAMESPACE, "--overwrite", f"reconcile.fluxcd.io/requestedAt={time.time()}")
                    while (ready := watch.ready(revision)) < options.n:
                        if time.monotonic() - began > options.limit:
                            sys.exit(f"{phase}: only {ready} of {options.n} ready")
                        time.sleep(0.02)
                    figures[phase] = {"seconds": round(time.monotonic() - began, 2)}
                    time.sleep(1)
                    figures[phase] |= {name: {"CPU s": c.cpu(), "peak MiB": c.memory("VmHWM")} for name, c in controllers.items()}
                watch.stop()
                time.sleep(10)
                figures["end"] = {name: {"idle MiB": c.memory("VmRSS")} for name, c in controllers.items()}
            finally:
                for c in controllers.values():
                    c.stop()
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
