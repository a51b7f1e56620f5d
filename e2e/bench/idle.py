#!/usr/bin/env python3
"""What each controller takes when it has nothing to do.

  idle.py [--bin-dir DIR]... [--seconds 30]

Starts a control plane without nodes and without any of Flux's objects, and the controllers of each DIR one after the
other, each alone. After so many seconds the kernel's account is read: anonymous memory (the program's own), resident
memory (with the pages of the binary that it has touched, which all processes of that binary share), and the CPU seconds
since the start. `--events-addr` is empty, nothing else differs from the defaults but addresses and folders.
"""
import argparse, os, pathlib, re, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import servers
from git import Controller

FLAGS = {
    "source-controller": ["--storage-path={work}/storage", "--storage-addr=127.0.0.1:19390", "--storage-adv-addr=127.0.0.1:19390"],
    "kustomize-controller": [],
    "helm-controller": [],
    "notification-controller": ["--events-addr=127.0.0.1:19390", "--receiverAddr=127.0.0.1:19393"],
    "image-reflector-controller": ["--storage-path={work}/tags"],
    "image-automation-controller": [],
    "source-watcher": ["--storage-path={work}/watcher", "--storage-addr=127.0.0.1:19390", "--storage-adv-addr=127.0.0.1:19390"],
}


def figures(pid):
    """Anonymous and resident MiB of a process, as `/proc/PID/smaps_rollup` has them."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return [int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M)[1]) / 1024 for field in ("Anonymous", "Rss")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=pathlib.Path, action="append")
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-idle-") as folder:
        work = pathlib.Path(folder)
        with servers.control_plane(work / "cluster", nodes=0) as cluster, open(work / "log", "w") as log:
            servers.install_crds(cluster["kubeconfig"])
            environment = os.environ | {"KUBECONFIG": str(cluster["kubeconfig"]), "RUNTIME_NAMESPACE": "default"}
            for directory in options.bin_dir or [servers.ROOT / "bin"]:
                for name, own in FLAGS.items():
                    if not (directory / name).exists():
                        continue
                    flags = ["--enable-leader-election=false", "--metrics-addr=127.0.0.1:19391", "--health-addr=127.0.0.1:19392"]
                    flags += [flag.format(work=work) for flag in own]
                    if name != "notification-controller":
                        flags.append("--events-addr=")
                    for storage in ("storage", "watcher", "tags"):
                        (work / storage).mkdir(exist_ok=True)
                    controller = Controller(directory / name, flags, environment, log)
                    time.sleep(options.seconds)
                    if controller.process.poll() is not None:
                        sys.exit(f"{directory / name} ended: {(work / 'log').read_text()[-2000:]}")
                    anonymous, resident = figures(controller.process.pid)
                    print(f"{directory / name}: anonymous {anonymous:.1f} MiB, resident {resident:.1f} MiB, CPU {controller.cpu():.2f} s", flush=True)
                    controller.stop()


if __name__ == "__main__":
    main()
