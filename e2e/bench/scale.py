#!/usr/bin/env python3
"""Many Kustomizations on one Git repository: what a commit costs, who delays whom, and whether memory stays flat.

  scale.py --bin-dir DIR [--n 1000] [--minutes 2] [--json FILE]

Each of N Kustomizations applies a ConfigMap of its own directory and waits for its health. Measured, in seconds from the
push's announcement until the last one is Ready at the new revision: the install, commits that change nothing anybody
uses, one app, and all apps; then a commit to all apps without and with one Kustomization that fails and ten whose
Deployments never become ready, as the 95th percentile of the others; then ten Kustomizations without and with a chain of
`dependsOn`. Commits go on for the given minutes; resident memory is noted after each. Builds are the controller's own
count. At the end each goal is told with what was measured; the exit code does not depend on it.
"""
import argparse, json, math, os, pathlib, subprocess, sys, tempfile, time, urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import servers
from git import Controller, Kubectl, Lines, commit

NAMESPACE = "bench"
METRICS = 19193
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  value: {value!r}\n"
NEVER_READY = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}, annotations: {{value: {value!r}}}}}
    spec: {{containers: [{{name: main, image: "registry.example/app:1"}}]}}
"""


class Watch(Lines):
    """When each Kustomization was seen ready at which revision."""

    def __init__(self, kubectl):
        self.seen = {}
        super().__init__(kubectl, "custom-columns=N:.metadata.name,R:.status.lastAppliedRevision,S:.status.conditions[?(@.type=='Ready')].status", "--no-headers")

    def read(self, lines):
        for line in lines:
            name, revision, ready = line.split()
            if ready == "True":
                self.seen.setdefault(revision, {}).setdefault(name, time.monotonic())

    def wait(self, revision, names, limit=600):
        """The moment that each of the names was ready at the revision."""
        deadline, names = time.monotonic() + limit, set(names)
        while not names <= (seen := self.seen.get(revision, {})).keys():
            if time.monotonic() > deadline:
                sys.exit(f"{len(names - seen.keys())} of {len(names)} are not ready at {revision}, such as {sorted(names - seen.keys())[:3]}")
            time.sleep(0.01)
        return {name: seen[name] for name in names}


class Bench:
    def __init__(self, options, work, kubectl, clone, url):
        self.options, self.work, self.kubectl, self.clone, self.url = options, work, kubectl, clone, url
        self.names = [f"app-{i:04}" for i in range(options.n)]
        self.goals = {}
        self.figures, self.number = {"n": options.n, "goals": self.goals}, 0
        self.watch, self.controllers = None, {}

    def source(self):
        return {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": {"name": "apps", "namespace": NAMESPACE},
                "spec": {"interval": "60m", "url": self.url, "ref": {"branch": "main"}}}

    def kustomization(self, name, **spec):
        return {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": {"sourceRef": {"kind": "GitRepository", "name": "apps"}, "interval": "60m", "path": f"./{name}", "prune": True,
                         "wait": True, "timeout": "10m", "targetNamespace": NAMESPACE} | spec}

    def files(self, names, template=CONFIG_MAP):
        self.number += 1
        return {f"{name}/app.yaml": template.format(name=name, value=str(self.number)) for name in names}

    def announce(self):
        self.kubectl("annotate", "gitrepository/apps", "--namespace", NAMESPACE, "--overwrite", f"reconcile.fluxcd.io/requestedAt={time.time()}")

    def builds(self):
        text = urllib.request.urlopen(f"http://127.0.0.1:{METRICS}/metrics").read().decode()
        return sum(int(float(line.split()[-1])) for line in text.splitlines() if line.startswith("sluice_kustomization_builds_total"))

    def applies(self):
        """How often the API server was asked to apply a ConfigMap or Deployment so far, dry-runs included."""
        text = subprocess.run([*self.kubectl.base, "get", "--raw", "/metrics"], text=True, check=True, stdout=subprocess.PIPE).stdout
        wanted = ('resource="configmaps"', 'resource="deployments"')
        return sum(int(float(line.split()[-1])) for line in text.splitlines()
                   if line.startswith("apiserver_request_total{") and 'verb="APPLY"' in line and any(part in line for part in wanted))

    def follow(self, files, names=None):
        """Pushes files and waits for all; gives seconds, percentiles, builds, applies and CPU."""
        names = names or self.names
        revision = commit(self.clone, files, "commit")
        before, applied = self.builds(), self.applies()
        for controller in self.controllers.values():
            controller.cpu()
        began = time.monotonic()
        self.announce()
        took = sorted(at - began for at in self.watch.wait(revision, names).values())
        cpu = {f"{name} CPU s": controller.cpu() for name, controller in self.controllers.items()}
        return {"seconds": round(took[-1], 2), "p95 s": round(took[math.ceil(len(took) * 0.95) - 1], 2), "builds": self.builds() - before, "applies": self.applies() - applied} | cpu

    def until_built(self, count, limit=120):
        deadline = time.monotonic() + limit
        while self.builds() < count:
            if time.monotonic() > deadline:
                sys.exit(f"{self.builds()} of {count} builds")
            time.sleep(0.1)

    def memory(self):
        return {name: controller.memory("VmRSS") for name, controller in self.controllers.items()}

    def note(self, what, figures):
        self.figures[what] = figures
        print(what, json.dumps(figures), flush=True)
        return figures

    def goal(self, what, measured):
        self.goals[what] = measured

    def run(self):
        revision = commit(self.clone, self.files(self.names), "install")
        self.watch = Watch(self.kubectl)
        began = time.monotonic()
        self.kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, self.source()])
        for first in range(0, len(self.names), 250):
            self.kubectl.apply([self.kustomization(name) for name in self.names[first:first + 250]])
        self.watch.wait(revision, self.names)
        self.note("install", {"seconds": round(time.monotonic() - began, 2), "MiB": self.memory()})
        unused = self.note("nothing anybody uses", self.follow({"README.md": "not a manifest"}))
        self.goal("seconds of a commit that changes nothing anybody uses: below 5 for 1000", unused["seconds"])
        self.goal("its builds and applies: none", [unused["builds"], unused["applies"]])
        one = self.note("one app", self.follow(self.files(self.names[:1])))
        self.goal("builds of a commit to one app: 1", one["builds"])
        self.note("all apps", self.follow(self.files(self.names)))

        # Some that fail and some that are never healthy; all others must not notice.
        odd = {"fails": "kind: Deployment\nmetadata: [\n"} | {f"never-{i}": NEVER_READY.format(name=f"never-{i}", value="1") for i in range(10)}
        alone = self.note("all apps, alone again", self.follow(self.files(self.names)))
        revision, before = commit(self.clone, {f"{name}/app.yaml": text for name, text in odd.items()}, "odd ones"), self.builds()
        self.announce()
        self.watch.wait(revision, self.names)
        self.kubectl.apply([self.kustomization(name) for name in odd])
        self.until_built(before + len(odd))
        again = {f"never-{i}/app.yaml": NEVER_READY.format(name=f"never-{i}", value="2") for i in range(10)}
        beside = self.note("all apps beside 11 that never get ready", self.follow(self.files(self.names) | again))
        self.goal("p95 of the others, with and without the 11: ratio of about 1", round(beside["p95 s"] / max(alone["p95 s"], 0.01), 2))
        self.kubectl("delete", "kustomizations", "--namespace", NAMESPACE, *odd)

        # The same ten side by side, then each after another.
        chain = [f"chain-{i}" for i in range(10)]
        revision = commit(self.clone, self.files(chain), "ten more")
        self.announce()
        self.kubectl.apply([self.kustomization(name) for name in chain])
        self.watch.wait(revision, chain)
        free = self.note("ten without order", self.follow(self.files(chain), chain))
        self.kubectl.apply([self.kustomization(name, dependsOn=[{"name": chain[i - 1]}] if i else []) for i, name in reversed(list(enumerate(chain)))])
        ordered = self.note("a chain of ten", self.follow(self.files(chain), chain))
        self.goal("seconds of the chain beyond its apply time: at most 10", round(ordered["seconds"] - free["seconds"], 2))

        samples, deadline = [], time.monotonic() + 60 * self.options.minutes
        while time.monotonic() < deadline:
            self.follow(self.files(self.names[self.number % len(self.names)::10]))
            samples.append(self.memory())
        for name in self.controllers:
            series = [sample[name] for sample in samples]
            quarter = max(1, len(series) // 4)
            mean = lambda part: round(sum(part) / len(part), 1)
            if series:
                first, last = mean(series[:quarter]), mean(series[-quarter:])
                self.note(f"memory of {name} over {len(series)} commits, MiB", {"first quarter": first, "last quarter": last, "peak": max(series), "series": series})
                self.goal(f"memory of {name}, last quarter over first: ratio of about 1", round(last / first, 2))
        for what, measured in self.goals.items():
            print(f"goal: {what}: {measured}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=pathlib.Path, default=servers.ROOT / "bin")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-scale-") as folder:
        work = pathlib.Path(folder)
        for name in ("git", "storage"):
            (work / name).mkdir()
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", work / "git" / "apps.git"], check=True)
        clone = work / "clone"
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", clone], check=True)
        subprocess.run(["git", "-C", clone, "remote", "add", "origin", work / "git" / "apps.git"], check=True)
        with servers.control_plane(work / "cluster", nodes=0) as cluster, servers.server("gitserver", "--root", str(work / "git"), "--http", "127.0.0.1:0") as git:
            servers.install_crds(cluster["kubeconfig"])
            bench = Bench(options, work, Kubectl(cluster["kubeconfig"]), clone, f"{git['http']}/apps.git")
            environment = os.environ | {"KUBECONFIG": str(cluster["kubeconfig"]), "RUNTIME_NAMESPACE": "flux-system"}
            common = ["--enable-leader-election=false", "--log-level=error", "--events-addr="]
            log = open(work / "controllers.log", "w")
            bench.controllers = {
                "source": Controller(options.bin_dir / "source-controller", [*common, f"--storage-path={work / 'storage'}", "--storage-addr=127.0.0.1:19190",
                                     "--storage-adv-addr=127.0.0.1:19190", "--metrics-addr=127.0.0.1:19191", "--health-addr=127.0.0.1:19192"], environment, log),
                "kustomize": Controller(options.bin_dir / "kustomize-controller", [*common, f"--metrics-addr=127.0.0.1:{METRICS}", "--health-addr=127.0.0.1:19194", "--concurrent=10"], environment, log),
            }
            try:
                bench.run()
            finally:
                if bench.watch:
                    bench.watch.stop()
                for controller in bench.controllers.values():
                    controller.stop()
    if options.json:
        options.json.write_text(json.dumps(bench.figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
