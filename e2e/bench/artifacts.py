#!/usr/bin/env python3
"""What it costs to follow many artifacts of one registry.

  artifacts.py --bin-dir DIR [--n 1000] [--json FILE]

Starts a control plane without nodes, a registry and the source-controller of DIR (any that keeps Flux's flags). N
OCIRepositories, each of another repository with an artifact as `flux push artifact` makes it. Measured: until every one is
Ready, then a request to look again with nothing changed (which stands for a second interval), then one with a new artifact
behind each tag. Seconds are wall time; CPU seconds and memory are the operating system's account of the controller;
requests are counted by method. Compare only figures of one machine taken one after the other.

Fails if looking again costs more than one HEAD for each.
"""
import argparse, collections, gzip, hashlib, http.server, io, json, os, pathlib, socketserver, sys, tarfile, tempfile, threading, time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import servers
from git import Controller, Kubectl

NAMESPACE = "bench"
GROUP = "source.toolkit.fluxcd.io/v1"
FIELDS = ("READY:.status.conditions[?(@.type=='Ready')].status", "REVISION:.status.artifact.revision", "HANDLED:.status.lastHandledReconcileAt")


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Artifact:
    """One layer with a few manifests, and what leads to it."""

    def __init__(self, name, version):
        files = io.BytesIO()
        with tarfile.open(fileobj=files, mode="w") as tar:
            for number in range(4):
                text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}-{number}}}\ndata: {{version: '{version}'}}\n".encode()
                member = tarfile.TarInfo(f"{number}.yaml")
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text))
        layer, config = gzip.compress(files.getvalue(), mtime=0), b"{}"
        describe = lambda kind, content: {"mediaType": f"application/vnd.cncf.flux.{kind}", "digest": digest(content), "size": len(content)}
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": describe("config.v1+json", config), "layers": [describe("content.v1.tar+gzip", layer)],
        }).encode()
        self.digest = digest(self.manifest)
        self.blobs = {digest(layer): layer, digest(config): config}


class Registry(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.artifacts, self.requests = {}, collections.Counter()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def publish(self, names, version):
        self.artifacts = {name: Artifact(name, version) for name in names}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.server.requests[self.command] += 1
        parts = self.path.strip("/").split("/")
        artifact = self.server.artifacts.get(parts[2]) if len(parts) == 5 else None
        body, kind, extra = None, "application/octet-stream", {}
        if self.path.rstrip("/") == "/v2":
            body = b"{}"
        elif artifact and parts[3] == "manifests" and parts[4] in ("latest", artifact.digest):
            body, kind, extra = artifact.manifest, "application/vnd.oci.image.manifest.v1+json", {"Docker-Content-Digest": artifact.digest}
        elif artifact and parts[3] == "blobs":
            body = artifact.blobs.get(parts[4])
        self.send_response(404 if body is None else 200)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body or b"")), **extra}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body or b"")

    do_GET = do_HEAD = answer

    def log_message(self, *_):
        pass


def wait(kubectl, count, what, done, limit=900):
    """Until it is so of every object; the listing costs the API server, not the controller."""
    deadline = time.monotonic() + limit
    columns = "custom-columns=NAME:.metadata.name," + ",".join(FIELDS)
    while True:
        lines = kubectl("get", "ocirepositories", "--namespace", NAMESPACE, "--output", columns, "--no-headers").splitlines()
        reached = sum(1 for line in lines if done(*line.split()))
        if reached == count:
            return
        if time.monotonic() > deadline:
            sys.exit(f"{count - reached} of {count} objects are not {what}")
        time.sleep(0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=pathlib.Path, default=servers.ROOT / "bin")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures there")
    options = parser.parse_args()
    names = [f"app-{i:04}" for i in range(options.n)]
    figures, registry = {"n": options.n}, Registry()
    registry.publish(names, "1")
    with tempfile.TemporaryDirectory(prefix="sluice-artifacts-") as folder:
        work = pathlib.Path(folder)
        (work / "storage").mkdir()
        with servers.control_plane(work / "cluster", nodes=0) as cluster, open(work / "log", "w") as log:
            servers.install_crds(cluster["kubeconfig"])
            kubectl = Kubectl(cluster["kubeconfig"])
            environment = os.environ | {"KUBECONFIG": str(cluster["kubeconfig"]), "RUNTIME_NAMESPACE": "flux-system", "TMPDIR": str(work)}
            flags = ["--enable-leader-election=false", "--log-level=error", "--events-addr=", f"--storage-path={work / 'storage'}",
                     "--storage-addr=127.0.0.1:19390", "--storage-adv-addr=127.0.0.1:19390",
                     "--metrics-addr=127.0.0.1:19391", "--health-addr=127.0.0.1:19392"]
            controller = Controller(options.bin_dir / "source-controller", flags, environment, log)

            def measure(what, action, reached):
                registry.requests.clear()
                controller.cpu()
                began = time.monotonic()
                action()
                wait(kubectl, options.n, what, reached)
                figures[what] = {"seconds": round(time.monotonic() - began, 2), "CPU s": controller.cpu(), "requests": dict(registry.requests),
                                 "MiB": controller.memory("VmRSS"), "peak MiB": controller.memory("VmHWM")}
                print(what, json.dumps(figures[what]), flush=True)

            def install():
                kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
                for first in range(0, options.n, 250):
                    kubectl.apply([{"apiVersion": GROUP, "kind": "OCIRepository", "metadata": {"name": name, "namespace": NAMESPACE},
                                    "spec": {"url": f"oci://{registry.address}/org/{name}", "interval": "60m", "insecure": True}}
                                   for name in names[first:first + 250]])

            def request(token):
                kubectl("annotate", "ocirepositories", "--namespace", NAMESPACE, "--all", "--overwrite", f"reconcile.fluxcd.io/requestedAt={token}")

            def publish():
                registry.publish(names, "2")
                request("new")

            def at(name, ready, revision, *_):
                return ready == "True" and revision == f"latest@{registry.artifacts[name].digest}"

            try:
                measure("install", install, at)
                measure("nothing new", lambda: request("again"), lambda *fields: at(*fields) and fields[3] == "again")
                measure("a new artifact in each", publish, at)
            finally:
                controller.stop()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    asked = figures["nothing new"]["requests"]
    if asked.get("HEAD", 0) > options.n or set(asked) > {"HEAD"}:
        sys.exit(f"looking again cost {asked}: more than one HEAD for each of {options.n}")


if __name__ == "__main__":
    main()
