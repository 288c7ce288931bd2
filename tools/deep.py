"""What `make check-deep` adds to tools/check.py: the unit tests, and the server in the end-to-end tests, under
ASan+UBSan and under TSan, a long fuzz of the parsers, and a long crash sweep (that one is in check.py, with more rounds).

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
    fuzzers = [f"fuzz_{name}" for name in FUZZERS] if preset == "asan" else []
    programs = build(check, preset, ["tatara", *tests, *fuzzers], *(["-DTATARA_FUZZ=ON"] if fuzzers else []))
    for name in tests if programs else []:
        check.command(f"{name} ({preset})", [programs / name, "--gtest_brief=1"], timeout=1800, **OPTIONS[preset])
    return programs


def end_to_end(check, programs, preset):
    """The server itself under a sanitizer, with real clients and hostile ones: any report ends it, and its test."""
    python, e2e, tatara = ROOT / "build" / "venv-check" / "bin" / "python", ROOT / "test" / "e2e", programs / "tatara"
    names = ["jobs", "serving", "serving_hostile", "loop"]
    if preset != "tsan":
        names.append("bad_input")  # asks how much memory the server takes: TSan takes several times that
    for name in names:
        check.command(f"{name}_test ({preset})", [python, e2e / f"{name}_test.py", tatara], timeout=1800, **OPTIONS[preset])
    check.command(f"mlflow_client_test ({preset})", [python, e2e / "with_server.py", tatara, python, e2e / "mlflow_client_test.py"],
                  timeout=1800, **OPTIONS[preset])


def fuzz(check, programs, seconds):
    seed = int(time.time())  # said in the output, so that a finding can be had again
    for name in FUZZERS:
        check.command(f"fuzz_{name} (seed {seed}, {seconds} s)", [programs / f"fuzz_{name}", "--seconds", seconds, "--seed", seed],
                      timeout=seconds + 600, **OPTIONS["asan"])


def run(check):
    for preset in ("asan", "tsan"):
        programs = unit_tests(check, preset)
        if programs:
            end_to_end(check, programs, preset)
        if programs and preset == "asan":
            fuzz(check, programs, int(os.environ.get("FUZZ_SECONDS", FUZZ_SECONDS)))


if __name__ == "__main__":
    sys.exit("called by tools/check.py --deep")
