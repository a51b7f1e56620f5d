"""Runs the shared conformance suites and compares what fails with what is known to fail.

A list in known-failures/ has one case a line: its name, then the reason. A case that fails outside the
list is an error, and so is one that is listed and passes: lists only shrink.
"""
import json, os, pathlib, re, subprocess, sys

import servers

HERE = pathlib.Path(__file__).resolve().parent
SUITES = servers.ROOT.parent / "shared" / "conformance"
TRACES = "^(git-|ks-|oci-|hr-)"


def available():
    return SUITES.is_dir()


def known(name):
    """The cases of a list, with their reasons."""
    cases = {}
    for number, line in enumerate((HERE / "known-failures" / f"{name}.txt").read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            case, _, why = line.partition(" ")
            if not why.strip():
                sys.exit(f"known-failures/{name}.txt:{number}: {case} has no reason")
            cases[case] = why.strip()
    return cases


def verdict(name, ran, failed):
    """Prints how a suite went; true if it went as the list says."""
    listed = known(name)
    surprising = sorted(failed - listed.keys())
    mended = sorted((listed.keys() & ran) - failed)
    gone = sorted(listed.keys() - ran)
    for case in surprising:
        print(f"{name}: {case} FAILED and is not known to")
    for case in mended:
        print(f"{name}: {case} passes now: remove it from e2e/known-failures/{name}.txt")
    for case in gone:
        print(f"{name}: {case} is listed in e2e/known-failures/{name}.txt but there is no such case")
    print(f"{name}: {len(ran) - len(failed)} passed, {len(failed)} failed, of which {len(failed & listed.keys())} are known", flush=True)
    return not (surprising or mended or gone)


def kustomize(binaries, work):
    """Builds every case of the kustomize corpus with the CLI, as Flux and as kustomize itself; texts must be equal."""
    program = f"{binaries / 'sluice'} kustomize build"
    commands = {"flux": f"{program} --flux --root {{input}} {{dir}}", "upstream": f"{program} {{flags}} {{dir}}"}
    cases = SUITES / "kustomize" / "cases"
    ran, failed = set(), set()
    for profile, command in commands.items():
        out = work / f"kustomize-{profile}.json"
        done = subprocess.run([sys.executable, SUITES / "kustomize" / "run_conformance.py", "--cases", cases, "--out", out,
                               "--profile", profile, "--strict", "--cmd", command], stdout=subprocess.PIPE, text=True)
        if not out.exists():
            print(done.stdout)
            print(f"kustomize: the runner itself failed in profile {profile}")
            return False
        print("kustomize:", *re.findall(r"^profile .*", done.stdout, re.MULTILINE), flush=True)
        cased = ((path.parent.name, json.loads(path.read_text())) for path in cases.glob("*/options.json"))
        # The runner skips what kustomize itself only builds with other programs.
        ran |= {f"{profile}/{name}" for name, case in cased
                if profile == "flux" or not (case.get("needs") or case["expect"] == "unknown")}
        failed |= {f"{profile}/{case['name']}" for case in json.loads(out.read_text())["failures"]}
    return verdict("kustomize", ran, failed)


def helm(binaries, work):
    """Renders every chart of the Helm corpus with the CLI. The corpora of the engine's parts are tests of its crates."""
    return charts(binaries, work)


def charts(binaries, work):
    """The chart cases, as their own runner judges them."""
    out = work / "helm.json"
    command = [sys.executable, SUITES / "helm" / "run_charts.py", "--corpus", chart_cases(work / "charts"), "--json", out, "--cmd",
               f"{binaries / 'sluice'} helm template rel {{chart}} --namespace ns --kube-version 1.36.0 --include-crds -f {{values}}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if not out.exists():
        print(done.stdout)
        print("helm: the runner itself failed")
        return False
    print("\n".join(line for line in done.stdout.splitlines() if line.startswith("byte-exact")))
    results = json.loads(out.read_text())
    for result in results:
        if not result["ok"] and result["case"] not in known("helm"):
            print(f"helm: {result['case']}: {result['why']}")
    return verdict("helm", {result["case"] for result in results}, {result["case"] for result in results if not result["ok"]})


def chart_cases(folder):
    """The cases with real links to the archives: some checkouts have links as files with the target's name."""
    source = SUITES / "helm" / "charts"
    for case in source.iterdir():
        (folder / case.name).mkdir(parents=True)
        for file in case.iterdir():
            small = file.name == "chart.tgz" and not file.is_symlink() and file.stat().st_size < 1024
            target = case / file.read_text().strip() if small and file.read_bytes().startswith(b"../") else file
            (folder / case.name / file.name).symlink_to(target.resolve())
    return folder


def traces(binaries, work):
    """Drives the controllers through the scenarios and compares with what Flux's own did."""
    ran = {path.stem for path in (SUITES / "traces" / "scenarios").glob("*.json") if re.search(TRACES, path.name)}
    with servers.control_plane(work / "traces", nodes=0) as cluster, servers.server("registry", "--addr", "127.0.0.1:0") as registry:
        servers.install_crds(cluster["kubeconfig"])
        failed, report = run_traces(binaries, cluster, registry, TRACES, jobs=8)
        # A scenario has time limits, which a machine with other work may miss: what failed by surprise is
        # run again on its own. A real failure fails again.
        again = failed - known("traces").keys()
        if again and failed != ran:
            print(f"traces: again, with less at once: {' '.join(sorted(again))}", flush=True)
            pattern = "^(" + "|".join(re.escape(name) for name in sorted(again)) + r")\.json$"
            failed_again, report = run_traces(binaries, cluster, registry, pattern, jobs=2)
            failed = (failed - again) | (failed_again & again)
    (work / "traces.log").write_text(report)
    if failed - known("traces").keys():
        print(report)
    return verdict("traces", ran, failed)


def run_traces(binaries, cluster, registry, pattern, jobs):
    runner = SUITES / "traces"
    command = [sys.executable, runner / "trace.py", "check", "--bin-dir", binaries, "--kubeconfig", cluster["kubeconfig"],
               "--scenarios", runner / "scenarios", "--golden", runner / "golden", "--registry", registry["registry"],
               "--filter", pattern, "--jobs", str(jobs), "--port", str(servers.free_ports(7))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    report = done.stdout
    failed = set(re.findall(r"^FAIL ([^\s:]+)", report, re.MULTILINE))
    if not re.search(r"^\d+ passed, \d+ failed", report, re.MULTILINE):
        raise servers.StartFailed("traces: the runner itself failed:\n" + report)
    return failed, report


def notify(binaries, work):
    """Replays the notification corpus: requests that were sent, answers, events and statuses."""
    cases = SUITES / "notify" / "cases"
    ran = {json.loads(line)["name"] for path in cases.glob("*.jsonl") for line in path.read_text().split("\n") if line.strip()}
    with servers.control_plane(work / "notify", nodes=0) as cluster:
        servers.install_crds(cluster["kubeconfig"])
        failed, report = run_notify(binaries, cluster, work, cases)
        # Cases have time limits, which a machine with other work may miss: what failed by surprise is run again on
        # its own. A real failure fails again.
        again = failed - known("notify").keys()
        if again and len(again) <= 20:
            print(f"notify: again: {' '.join(sorted(again))}", flush=True)
            chosen = work / "notify-again"
            chosen.mkdir()
            for path in cases.glob("*.jsonl"):
                lines = [line for line in path.read_text().splitlines() if line.strip() and json.loads(line)["name"] in again]
                (chosen / path.name).write_text("".join(line + "\n" for line in lines))
            with servers.control_plane(work / "notify-again-cluster", nodes=0) as fresh:
                servers.install_crds(fresh["kubeconfig"])
                failed_again, report = run_notify(binaries, fresh, work, chosen)
            failed = (failed - again) | (failed_again & again)
    (work / "notify.log").write_text(report)
    if failed - known("notify").keys():
        print(report)
    return verdict("notify", ran, failed)


def run_notify(binaries, cluster, work, cases):
    """The names of the cases that failed, and what the runner said."""
    # The runner calls kubectl by its name.
    tools = work / "tools"
    tools.mkdir(exist_ok=True)
    kubectl = tools / "kubectl"
    if not kubectl.exists():
        kubectl.write_text(f'#!/bin/sh\nexec {servers.e2e_binary()} kubectl "$@"\n')
        kubectl.chmod(0o755)
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
    command = [sys.executable, SUITES / "notify" / "run_notify.py", "--bin", binaries / "notification-controller",
               "--kubeconfig", cluster["kubeconfig"], "--cases", cases]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if not re.search(r"^\d+ passed, \d+ failed", done.stdout, re.MULTILINE):
        raise servers.StartFailed("notify: the runner itself failed:\n" + done.stdout)
    return set(re.findall(r"^FAIL (\S+)", done.stdout, re.MULTILINE)), done.stdout
