#!/usr/bin/env python3
"""What it costs to scan many images and to select a tag of each.

  images.py --bin-dir DIR [--n 1000] [--tags 100] [--json FILE]

Starts a control plane without nodes, a registry that only lists tags, and the image-reflector-controller of DIR (any that
keeps Flux's flags). N ImageRepositories, each of another image with so many tags, and N ImagePolicies by version.
Measured: until every policy is Ready, then a request to scan all again with nothing new, then one with a new tag in each.
Seconds are wall time; CPU seconds and memory are the operating system's account. Compare only figures of one machine
taken one after the other.
"""
import argparse, http.server, json, os, pathlib, socketserver, sys, tempfile, threading, time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import servers
from git import Controller, Kubectl

NAMESPACE = "bench"
GROUP = "image.toolkit.fluxcd.io/v1"


class Registry(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Lists the same tags for every image."""
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, tags):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tags, self.requests = tags, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.requests += 1
        body = json.dumps({"tags": self.server.tags} if self.path.partition("?")[0].endswith("/tags/list") else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def wait(kubectl, names, expected, limit=600):
    """Until each policy has selected the tag; the listing costs the API server, not the controller."""
    deadline = time.monotonic() + limit
    columns = "custom-columns=N:.metadata.name,T:.status.latestRef.tag,R:.status.conditions[?(@.type=='Ready')].status"
    while True:
        lines = kubectl("get", "imagepolicies", "--namespace", NAMESPACE, "--output", columns, "--no-headers").split("\n")
        ready = sum(1 for line in lines if line.split()[1:] == [expected, "True"])
        if ready == len(names):
            return
        if time.monotonic() > deadline:
            sys.exit(f"{len(names) - ready} of {len(names)} policies have not selected {expected}")
        time.sleep(0.5)


def scans(kubectl):
    columns = "custom-columns=T:.status.lastHandledReconcileAt"
    return kubectl("get", "imagerepositories", "--namespace", NAMESPACE, "--output", columns, "--no-headers").split()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=pathlib.Path, default=servers.ROOT / "bin")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--tags", type=int, default=100)
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures there")
    options = parser.parse_args()
    figures, names = {"n": options.n, "tags": options.tags}, [f"app-{i:04}" for i in range(options.n)]
    registry = Registry([f"1.{i}.0" for i in range(options.tags)])
    with tempfile.TemporaryDirectory(prefix="sluice-images-") as folder:
        work = pathlib.Path(folder)
        (work / "tags").mkdir()
        with servers.control_plane(work / "cluster", nodes=0) as cluster, open(work / "log", "w") as log:
            servers.install_crds(cluster["kubeconfig"])
            kubectl = Kubectl(cluster["kubeconfig"])
            environment = os.environ | {"KUBECONFIG": str(cluster["kubeconfig"]), "RUNTIME_NAMESPACE": "flux-system"}
            flags = ["--enable-leader-election=false", "--log-level=error", "--events-addr=", f"--storage-path={work / 'tags'}",
                     "--metrics-addr=127.0.0.1:19291", "--health-addr=127.0.0.1:19292"]
            controller = Controller(options.bin_dir / "image-reflector-controller", flags, environment, log)

            def measure(what, action, done):
                requests = registry.requests
                controller.cpu()
                began = time.monotonic()
                action()
                done()
                figures[what] = {"seconds": round(time.monotonic() - began, 2), "CPU s": controller.cpu(), "requests": registry.requests - requests,
                                 "MiB": controller.memory("VmRSS"), "peak MiB": controller.memory("VmHWM")}
                print(what, json.dumps(figures[what]), flush=True)

            def install():
                kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
                for first in range(0, options.n, 250):
                    some = names[first:first + 250]
                    kubectl.apply([{"apiVersion": GROUP, "kind": "ImageRepository", "metadata": {"name": name, "namespace": NAMESPACE},
                                    "spec": {"image": f"{registry.address}/org/{name}", "interval": "60m", "insecure": True}} for name in some])
                    kubectl.apply([{"apiVersion": GROUP, "kind": "ImagePolicy", "metadata": {"name": name, "namespace": NAMESPACE},
                                    "spec": {"imageRepositoryRef": {"name": name}, "policy": {"semver": {"range": "1.x"}}}} for name in some])

            def request(token):
                kubectl("annotate", "imagerepositories", "--namespace", NAMESPACE, "--all", "--overwrite", f"reconcile.fluxcd.io/requestedAt={token}")

            def handled(token):
                while scans(kubectl).count(token) < options.n:
                    time.sleep(0.5)

            try:
                measure("install", install, lambda: wait(kubectl, names, f"1.{options.tags - 1}.0"))
                measure("nothing new", lambda: request("again"), lambda: handled("again"))
                registry.tags = [*registry.tags, "1.999999.0"]
                measure("a new tag in each", lambda: request("new"), lambda: wait(kubectl, names, "1.999999.0"))
            finally:
                controller.stop()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
