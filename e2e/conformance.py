"""Runs the shared conformance suites and compares what fails with what is known to fail.

A list in known-failures/ has one case a line: its name, then the reason. A case that fails outside the
list is an error, and so is one that is listed and passes: lists only shrink.
"""
import contextlib, json, os, pathlib, re, signal, subprocess, sys, tempfile

import servers

HERE = pathlib.Path(__file__).resolve().parent
SUITES = servers.ROOT.parent / "shared" / "conformance"
TRACES = "^(git-|ks-|oci-|hr-)"
STARTS = 3
"""How often the runner of the notification corpus may start, the next time only because it has lost a port."""


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
        failed, report = run_traces(binaries, work, cluster, registry, TRACES, jobs=8)
        # A scenario has time limits, which a machine with other work may miss: what failed by surprise is
        # run again on its own. A real failure fails again.
        again = failed - known("traces").keys()
        if again and failed != ran:
            print(f"traces: again, with less at once: {' '.join(sorted(again))}", flush=True)
            pattern = "^(" + "|".join(re.escape(name) for name in sorted(again)) + r")\.json$"
            failed_again, report = run_traces(binaries, work, cluster, registry, pattern, jobs=2)
            failed = (failed - again) | (failed_again & again)
    (work / "traces.log").write_text(report)
    if failed - known("traces").keys():
        print(report)
    return verdict("traces", ran, failed)


def run_traces(binaries, work, cluster, registry, pattern, jobs):
    runner = SUITES / "traces"
    command = [sys.executable, runner / "trace.py", "check", "--bin-dir", binaries, "--kubeconfig", cluster["kubeconfig"],
               "--scenarios", runner / "scenarios", "--golden", runner / "golden", "--registry", registry["registry"],
               "--filter", pattern, "--jobs", str(jobs), "--port", str(servers.free_ports(7)), "--keep-logs"]
    logs = pathlib.Path(tempfile.mkdtemp(prefix="traces-", dir=work))
    report = run_group(command, os.environ | {"TMPDIR": str(logs)})
    failed = set(re.findall(r"^FAIL ([^\s:]+)", report, re.MULTILINE))
    if not re.search(r"^\d+ passed, \d+ failed", report, re.MULTILINE):
        ends = "".join(f"\n{log.name} ends with:\n{tail(log)}\n" for log in sorted(logs.glob("*/*.log")))
        raise servers.StartFailed(f"traces: the runner itself failed:\n{report}{ends}")
    return failed, report


def run_group(command, environment):
    """What a program prints; stops what it leaves behind: a runner that fails to start one controller leaves the others."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True) as process:
        try:
            said = process.stdout.read()
            process.wait()
            return said
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def notify(binaries, work):
    """Replays the notification corpus: requests that were sent, answers, events and statuses."""
    cases = SUITES / "notify" / "cases"
    ran = {json.loads(line)["name"] for path in cases.glob("*.jsonl") for line in path.read_text().split("\n") if line.strip()}
    failed, report = run_notify(binaries, work, cases)
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
        failed_again, report = run_notify(binaries, work, chosen)
        failed = (failed - again) | (failed_again & again)
    (work / "notify.log").write_text(report)
    if failed - known("notify").keys():
        print(report)
    return verdict("notify", ran, failed)


def run_notify(binaries, work, cases):
    """The names of the cases that failed, and what the runner said.

    The runner gives the ports it has found for the controller free again, and opens some 450 others before it starts
    the controller: about once in ten runs one of them is among those. That is no failure of the controller.
    """
    for _ in range(STARTS):
        done, log = start_notify(binaries, pathlib.Path(tempfile.mkdtemp(prefix="notify-", dir=work)), cases)
        if re.search(r"^\d+ passed, \d+ failed", done.stdout, re.MULTILINE):
            return set(re.findall(r"^FAIL (\S+)", done.stdout, re.MULTILINE)), done.stdout
        if "Address already in use" not in log:
            break
        print("notify: the runner has taken a port that it had chosen for the controller; once more", flush=True)
    raise servers.StartFailed(f"notify: the runner itself failed:\n{done.stdout}\nthe controller's log ends with:\n{log}")


def start_notify(binaries, work, cases):
    """Runs the runner on a control plane of its own; the end of the controller's log tells why it could not start."""
    tools, log = work / "tools", work / "controller.log"
    tools.mkdir()
    # The runner calls kubectl by its name, and throws the controller's log away.
    script(tools / "kubectl", f'exec {servers.e2e_binary()} kubectl "$@"')
    script(tools / "controller", f'exec {binaries / "notification-controller"} "$@" 2>>{log}')
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
    with servers.control_plane(work / "cluster", nodes=0) as cluster:
        servers.install_crds(cluster["kubeconfig"])
        command = [sys.executable, SUITES / "notify" / "run_notify.py", "--bin", tools / "controller",
                   "--kubeconfig", cluster["kubeconfig"], "--cases", cases]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    return done, tail(log)


def script(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def tail(log, lines=20):
    """The last lines of a log, if there is one."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
