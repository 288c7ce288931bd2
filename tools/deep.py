"""What `make check-deep` adds to tools/check.py: unit tests under ASan+UBSan and under TSan, the server under
ASan+UBSan in the end-to-end tests, a long fuzz of the parsers, and a long crash sweep (that one is in check.py, with more rounds).

Nothing here depends on the clock or the network; it takes most of an hour on two cores, nearly all of it building.
"""
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUZZERS = ("http", "json", "yaml", "pattern")
FUZZ_SECONDS = 60

# detect_leaks: libduckdb and libonnxruntime are loaded once and for good; mutex_bugs: their locks bear no marks. odr: the engine's library holds a copy of base.
OPTIONS = {"asan": {"ASAN_OPTIONS": "detect_leaks=0:detect_odr_violation=0:abort_on_error=1:strict_string_checks=1",
                    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"},
           "tsan": {"TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:report_mutex_bugs=0:suppressions={ROOT / 'tools' / 'tsan.txt'}"}}


def build(check, preset, targets, *options):
    """Configures and builds; the folder of the programs, or None after a failure (a failed check)."""
    began = time.monotonic()
    folder = ROOT / "build" / preset
    for words in (["cmake", "--preset", preset, *options], ["cmake", "--build", str(folder), "--target", *targets]):
        done = subprocess.run(words, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
        if done.returncode != 0:
            check.note(f"build of {preset}", 0, 1, 0, time.monotonic() - began, done.stdout)
            return None
    check.note(f"build of {preset}", 1, 0, 0, time.monotonic() - began)
    return folder / "bin"


def unit_tests(check, preset):
    """Builds and runs them under one sanitizer; the folder of the programs."""
    tests = [f"{path.name}_test" for path in sorted((ROOT / "src").iterdir()) if list(path.rglob("*_test.cc"))]
    asan = preset == "asan"
    extra = ["tatara", *(f"fuzz_{name}" for name in FUZZERS)] if asan else []
    programs = build(check, preset, tests + extra, *(["-DTATARA_FUZZ=ON"] if asan else []))
    for name in tests if programs else []:
        check.command(f"{name} ({preset})", [programs / name, "--gtest_brief=1"], timeout=1800, **OPTIONS[preset])
    return programs


def end_to_end(check, programs):
    """The server itself under ASan+UBSan, with real clients and hostile ones: any report ends it, and its test."""
    python = ROOT / "build" / "venv-check" / "bin" / "python"
    for name in ("jobs", "bad_input", "serving", "serving_hostile", "loop"):
        check.command(f"{name}_test (asan)", [python, ROOT / f"test/e2e/{name}_test.py", programs / "tatara"], timeout=1800, **OPTIONS["asan"])
    check.command("mlflow_client_test (asan)", [python, ROOT / "test/e2e/with_server.py", programs / "tatara", python,
                                                ROOT / "test/e2e/mlflow_client_test.py"], timeout=1800, **OPTIONS["asan"])


def fuzz(check, programs, seconds):
    seed = int(time.time())  # said in the output, so that a finding can be had again
    for name in FUZZERS:
        check.command(f"fuzz_{name} (seed {seed}, {seconds} s)", [programs / f"fuzz_{name}", "--seconds", seconds, "--seed", seed],
                      timeout=seconds + 600, **OPTIONS["asan"])


def run(check):
    programs = unit_tests(check, "asan")
    if programs:
        end_to_end(check, programs)
        fuzz(check, programs, int(os.environ.get("FUZZ_SECONDS", FUZZ_SECONDS)))
    unit_tests(check, "tsan")


if __name__ == "__main__":
    sys.exit("called by tools/check.py --deep")
