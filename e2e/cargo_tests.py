"""Runs the tests of the Cargo workspace on one control plane."""
import os, re, subprocess
from collections import namedtuple

import servers

FAILURE_LINES = 25
"""How much of a failed test's output is repeated at the end."""

SECOND_TRIES = 5
"""How many failed tests are tried again; where more fail, it is not the machine that was busy."""

Failure = namedtuple("Failure", "target name output")

Outcome = namedtuple("Outcome", "passed failures failed_targets passes")
"""`failed_targets` counts test programs, also those that ended before they could say which test failed."""


def crates(binaries, work):
    """Whether every test passed, at the first try or, alone, at a second one, which is said."""
    with servers.control_plane(work / "crates") as cluster:
        servers.install_crds(cluster["kubeconfig"])
        environment = os.environ | {
            "SLUICE_E2E_BIN": str(servers.e2e_binary()),
            "SLUICE_E2E_KUBECONFIG": cluster["kubeconfig"],
            "SLUICE_BIN_DIR": str(binaries),
        }
        # The text of an error is what a reader needs; where it was wrapped is noise.
        environment.setdefault("RUST_LIB_BACKTRACE", "0")
        outcome = run(["--workspace", "--no-fail-fast", "--", "--quiet"], environment)
        return outcome.passed or (may_be_the_machine(outcome) and second_try(outcome.failures, environment))


def may_be_the_machine(outcome):
    """Whether a second try can show that a few tests failed because the machine was busy."""
    targets = {failure.target for failure in outcome.failures}
    told = len(targets) == outcome.failed_targets and not any(target.startswith("Doc-tests ") for target in targets)
    return told and 0 < len(outcome.failures) <= SECOND_TRIES


def second_try(failures, environment):
    names = sorted({failure.name for failure in failures})
    print(f"\nonce more, with nothing beside: {', '.join(names)}", flush=True)
    tests = ["--workspace", "--tests", "--no-fail-fast", "--", "--quiet", "--test-threads=1", "--exact", *names]
    outcome = run(tests, environment)
    if not outcome.passed or outcome.passes < len(failures):
        return False
    print(f"\nunsteady: {', '.join(names)} failed among the others and passed alone")
    return True


def run(arguments, environment):
    """Runs `cargo test`."""
    command = ["cargo", "test", "--locked", *arguments]
    with subprocess.Popen(command, cwd=servers.ROOT, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as tests:
        failures, failed_targets, passes = follow(tests.stdout)
    return Outcome(tests.returncode == 0, failures, failed_targets, passes)


def follow(lines):
    """Passes the tests' output on, and says once more at its end, where a reader looks, what failed and how."""
    target, output, failures, failed_targets, passes = "", None, [], 0, 0
    for line in lines:
        print(line, end="", flush=True)
        if line.lstrip().startswith(("Running ", "Doc-tests ")):
            target, output = line.strip(), None
        elif line.startswith("---- ") and line.endswith(" stdout ----\n"):
            output = []
            failures.append(Failure(target, line.split()[1], output))
        elif line.startswith("failures:"):
            output = None
        elif line.startswith("error: test failed") or line.startswith("error: doctest failed"):
            failed_targets += 1
        elif result := re.match(r"test result: \w+\. (\d+) passed", line):
            passes += int(result[1])
        elif output is not None and len(output) < FAILURE_LINES:
            output.append(line)
    for failure in failures:
        print(f"\nFAILED {failure.name} ({failure.target})\n{''.join(failure.output).rstrip()}", flush=True)
    return failures, failed_targets, passes
