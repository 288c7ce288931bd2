"""Runs a client script against a fresh server: with_server.py TATARA PYTHON SCRIPT [ARGUMENTS...]; the script gets the URL first."""
import subprocess
import sys

from harness import tatara

with tatara(sys.argv[1]) as t:
    url = t.up()
    done = subprocess.run([sys.argv[2], sys.argv[3], url, *sys.argv[4:]], env=t.env, cwd=t.folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
passed = sum(line.startswith("ok ") for line in done.stdout.splitlines())
failed = sum(line.startswith("not ok ") for line in done.stdout.splitlines())
print(done.stdout)
print(f"{passed} passed, {max(failed, int(done.returncode != 0))} failed")
sys.exit(done.returncode)
