#!/usr/bin/env python3
"""`make check`: tidy, unit tests, end-to-end tests with the real clients, a few crash rounds.

Prints what runs and what failed; the last line is `N passed, N failed`, with `, N skipped` where a test
cannot run on this machine. Exit code 1 if anything failed.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTS = re.compile(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$")


class Check:
    def __init__(self, build):
        self.build, self.tatara = build, build / "bin" / "tatara"
        self.passed = self.failed = self.skipped = 0

    def note(self, name, passed, failed, skipped, seconds, output=""):
        self.passed, self.failed, self.skipped = self.passed + passed, self.failed + failed, self.skipped + skipped
        extra = f", {skipped} skipped" if skipped else ""
        print(f"{'ok    ' if not failed else 'FAILED'} {name}: {passed} passed, {failed} failed{extra} ({seconds:.1f} s)", flush=True)
        if failed and output:
            print("\n".join("    " + line for line in output.splitlines()[-60:]), flush=True)

    def command(self, name, words, timeout=1200, **env):
        """A program that ends with `N passed, N failed`, or whose exit code is the whole result."""
        began = time.monotonic()
        try:
            done = subprocess.run([str(w) for w in words], cwd=ROOT, env={**os.environ, **env}, text=True, timeout=timeout,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
            output, code = done.stdout, done.returncode
        except subprocess.TimeoutExpired as error:
            output, code = (error.stdout or b"").decode(errors="replace") + f"\nno end within {timeout} s", 1
        match = COUNTS.search(output.strip())
        passed, failed, skipped = (int(n or 0) for n in match.groups()) if match else (int(code == 0), int(code != 0), 0)
        if code != 0 and failed == 0:
            failed = 1
        for line in output.splitlines():
            if line.startswith("skipped "):
                print(f"       {name}: {line}", flush=True)
        shown = "\n".join(line for line in output.splitlines() if not line.startswith("ok "))
        self.note(name, passed, failed, skipped, time.monotonic() - began, shown)

    def unit_tests(self):
        for program in sorted((self.build / "bin").glob("*_test")):
            with tempfile.NamedTemporaryFile(suffix=".json") as report:
                began = time.monotonic()
                done = subprocess.run([program, f"--gtest_output=json:{report.name}", "--gtest_brief=1"], cwd=ROOT, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
                try:
                    data = json.load(open(report.name))
                    failed = data["failures"] + data.get("errors", 0)
                    skipped = sum(t.get("result") == "SKIPPED" for s in data["testsuites"] for t in s["testsuite"])
                    passed = data["tests"] - failed - skipped
                except (ValueError, KeyError):
                    passed, failed, skipped = 0, 1, 0
                self.note(program.name, passed, max(failed, int(done.returncode != 0)), skipped,
                          time.monotonic() - began, done.stdout)


def venv(name):
    return ROOT / "build" / name / "bin" / "python"


def end_to_end(check):
    """Every script below test/e2e and test/features, with the Python that has its clients."""
    plain, mlflow2 = venv("venv-check"), venv("venv-mlflow2")
    for script in sorted((ROOT / "test" / "e2e").glob("*_test.py")):
        if script.name == "mlflow_client_test.py":
            for python in (plain, mlflow2):
                check.command(f"{script.stem} ({python.parts[-3]})", [plain, ROOT / "test/e2e/with_server.py", check.tatara, python, script])
        else:
            check.command(script.stem, [plain, script, check.tatara])
    for script in sorted((ROOT / "test" / "e2e").glob("*_oracle.py")):
        check.command(script.stem, [plain, script, check.tatara, plain])
    check.command("point_in_time", [plain, ROOT / "test/features/point_in_time.py", check.tatara, 60])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, type=Path)
    parser.add_argument("--deep", action="store_true", help="also sanitizers, long crash sweeps, the fsync proof")
    arguments = parser.parse_args()
    check = Check(arguments.build.resolve())
    check.command("tidy", [ROOT / "tools" / "tidy"])
    check.unit_tests()
    end_to_end(check)
    python = venv("venv-check")
    check.command("kill -9 while clients log",
                  [python, ROOT / "test/crash/tracking_kill.py", check.tatara, "--rounds", 60 if arguments.deep else 5], timeout=3000)
    check.command("kill -9 of a pipeline",
                  [python, ROOT / "test/crash/pipeline_kill.py", check.tatara, "--rounds", 60 if arguments.deep else 3,
                   "--dvc", python.with_name("dvc")], timeout=3000)
    check.command("kill -9 of the demo's training",
                  [python, ROOT / "test/crash/demo_kill.py", check.tatara, 20 if arguments.deep else 3], timeout=3000)
    check.command("fsync proof", [python, ROOT / "test/crash/fsync_proof.py", check.tatara])
    if arguments.deep:
        import deep
        deep.run(check)
    print(f"{check.passed} passed, {check.failed} failed" + (f", {check.skipped} skipped" if check.skipped else ""))
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
