"""Starts the servers that tests need, and stops each by its process id."""
import contextlib, json, os, pathlib, random, signal, socket, subprocess, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent


class StartFailed(Exception):
    """A server that did not come up."""


def e2e_binary():
    """The binary with control plane, kubectl, registry and Git server, built first if need be."""
    done = subprocess.run([ROOT / "scripts" / "build-controlplane"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise StartFailed("the control plane could not be built: see above")
    return pathlib.Path(done.stdout.strip())


@contextlib.contextmanager
def server(program, *arguments, log=None):
    """Runs a program of that binary; gives the addresses that it announced and its process."""
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(open(log, "ab") if log else tempfile.TemporaryFile())
        command = [e2e_binary(), program, *arguments, "--exit-with-parent"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        stack.callback(stop, process)
        line = process.stdout.readline()
        if not line:
            process.wait()
            raise StartFailed(f"{program} did not start; " + (f"see {log}" if log else reason(errors)))
        yield json.loads(line) | {"process": process}


def reason(errors):
    errors.seek(0)
    return errors.read().decode(errors="replace").strip()


def control_plane(directory, nodes=2):
    return server("up", "--dir", str(directory), "--nodes", str(nodes))


def stop(process, grace=15):
    """Ends a process that this one started: politely, then for good."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(count):
    """The first of several ports in a row that nobody uses just now, below the range that systems hand out."""
    for first in random.sample(range(20000, 32000, 10), 100):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise StartFailed(f"found no {count} free ports in a row")


def install_crds(kubeconfig):
    paths = [path for path in sorted((ROOT / "config/crd").glob("*.yaml")) if path.name != "kustomization.yaml"]
    files = [f"--filename={path}" for path in paths]
    kubectl = [e2e_binary(), "kubectl", "--kubeconfig", str(kubeconfig)]
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([*kubectl, "apply", "--server-side", "--force-conflicts", *files], **quiet)
    subprocess.run([*kubectl, "wait", "--for=condition=Established", "--timeout=60s", *files], **quiet)
    # An established CRD may still answer "storage is (re)initializing" for a moment. Files are GROUP_PLURAL.yaml.
    kinds = ",".join(".".join(reversed(path.stem.split("_"))) for path in paths)
    for _ in range(100):
        done = subprocess.run([*kubectl, "get", "--all-namespaces", kinds], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode == 0:
            return
        time.sleep(0.1)
    raise StartFailed("the CRDs are not served: " + done.stderr.strip())


def link_binaries(directory, profile="debug"):
    """Fills a folder with the programs as users have them: one name for each controller, and the CLI."""
    built = pathlib.Path(os.environ["CARGO_TARGET_DIR"]) / profile
    directory.mkdir(parents=True, exist_ok=True)
    controllers = ["source-controller", "source-watcher", "kustomize-controller", "helm-controller", "notification-controller", "image-reflector-controller", "image-automation-controller"]
    for name, target in [*((name, "sluice-controllers") for name in controllers), ("sluice", "sluice")]:
        link = directory / name
        link.unlink(missing_ok=True)
        link.symlink_to(built / target)
    return directory
