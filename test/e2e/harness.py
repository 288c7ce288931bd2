"""What the end-to-end tests share: a server on a home of its own, commands, and the counting of results.

Each script prints `ok name` or `not ok name: why` for each test, and `N passed, N failed` last.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request


def environment(**extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TATARA_", "MLFLOW_", "DVC_"))}
    env["NO_COLOR"] = "1"
    env.update(extra)
    return env


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out, parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))


class Tatara:
    """The binary, working in a scratch folder that goes with it."""

    def __init__(self, binary, **env):
        self.binary = os.path.abspath(binary)
        self.folder = tempfile.mkdtemp(prefix="tatara-e2e-")
        self.env = environment(PATH=f"{os.path.dirname(self.binary)}:{os.environ['PATH']}", **env)
        self.server, self.url = None, None

    def run(self, *words, folder=None, stdin=None, timeout=120):
        return Result(subprocess.run([self.binary, *words], cwd=folder or self.folder, env=self.env, text=True,
                                     input=stdin, capture_output=True, timeout=timeout))

    def json(self, *words):
        result = self.run("--json", *words)
        if result.code != 0:
            raise AssertionError(f"tatara {' '.join(words)}: {result.code} {result.err}")
        return result.json()

    def up(self, *options, folder=None):
        self.log = open(os.path.join(self.folder, "server.log"), "a")
        self.server = subprocess.Popen([self.binary, "up", "--listen", "127.0.0.1:0", *options], cwd=folder or self.folder,
                                       env=self.env, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.server.stdout.readline()
        match = re.search(r"http://\S+", line)
        assert match, f"no address: {line!r} {open(self.log.name).read()[-500:]}"
        self.url = match.group(0)
        return self.url

    def kill(self):
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()
        self.server = None

    def down(self, *options):
        if self.server:
            self.run("down", *options)
            self.server.wait(15)
            self.server = None

    def close(self):
        if self.server:
            self.run("down", "--jobs")
            try:
                self.server.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, verb, path, body=None, headers=None):
        """Status, headers and body of an HTTP call; no exception for 4xx and 5xx."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if headers is None:
            headers = {} if data is None or data is body else {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=verb)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path


def wait_for(condition, seconds=20, what="the condition"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {seconds} s")


class Tests:
    """Collects and runs tests: `@tests.test` on functions."""

    def __init__(self):
        self.functions, self.passed, self.failed, self.skipped = [], 0, 0, 0

    def test(self, function):
        self.functions.append(function)
        return function

    def run(self, *arguments):
        for function in self.functions:
            name = function.__name__
            try:
                function(*arguments)
            except Skip as reason:
                self.skipped += 1
                print(f"skipped {name}: {reason}", flush=True)
            except Exception as error:  # a failing test must not end the others
                self.failed += 1
                where = traceback.extract_tb(error.__traceback__)[-1]
                print(f"not ok {name}: {type(error).__name__}: {error} (line {where.lineno})", flush=True)
            else:
                self.passed += 1
                print(f"ok {name}", flush=True)
        print(f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else ""))
        return 1 if self.failed else 0


class Skip(Exception):
    """A test that cannot run on this machine; says why."""


@contextlib.contextmanager
def tatara(binary, **env):
    t = Tatara(binary, **env)
    try:
        yield t
    finally:
        t.close()


def main(tests):
    sys.exit(tests.run(sys.argv[1]))
