"""The demo's hands: runs the tatara binary as a user would, and reads back what it says."""
import json
import os
import re
import signal
import subprocess
import sys
import time


class Failed(Exception):
    """A step of the demo did not work; the message is for the person who runs it."""


def environment(tatara, python):
    """What a user's shell would have: the two programs on the PATH, nothing of an outer Tatara."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TATARA_", "MLFLOW_", "DVC_", "PYTHON"))}
    env["PATH"] = f"{os.path.dirname(tatara)}:{os.path.dirname(python)}:{env['PATH']}"
    env["NO_COLOR"] = env.get("NO_COLOR", "") if sys.stdout.isatty() else "1"
    return env


class Platform:
    """One home directory, with a server on it between `up` and `down`."""

    def __init__(self, tatara, home, folder, env):
        self.tatara, self.home, self.folder, self.env = tatara, home, folder, env
        self.server, self.url = None, None

    def up(self, *options):
        log = open(f"{self.home}.log", "a")
        # A session of its own: Ctrl-C is for the demo, which then ends the server by `down`.
        self.server = subprocess.Popen(
            [self.tatara, "--home", self.home, "up", "--listen", "127.0.0.1:0", *options], cwd=self.folder,
            env=self.env, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        line = self.server.stdout.readline()
        match = re.search(r"http://\S+", line)
        if not match:
            raise Failed(f"the server did not start: {open(f'{self.home}.log').read()[-2000:]}")
        self.url = match.group(0)

    def down(self):
        if self.server is None:
            return
        subprocess.run([self.tatara, "--home", self.home, "--quiet", "down", "--jobs"], env=self.env,
                       cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.server.wait(15)
        except subprocess.TimeoutExpired:
            self.server.send_signal(signal.SIGKILL)
            self.server.wait()
        self.server = None

    def run(self, *arguments, show=False, check=True):
        """A command on this home. Its standard output; on failure the demo ends with its message."""
        result = subprocess.run([self.tatara, "--home", self.home, *arguments], cwd=self.folder, env=self.env,
                                stdout=None if show else subprocess.PIPE,
                                stderr=None if show else subprocess.PIPE, text=True)
        if check and result.returncode != 0:
            raise Failed(f"tatara {' '.join(arguments)} ended with {result.returncode}: "
                         f"{(result.stderr or '').strip()}")
        return result.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def events(self, source):
        return [event for event in self.json("events")["events"] if event["source"] == source]

    def sql(self, query, output=None):
        if output:
            self.run("sql", query, "-o", output)
            return None
        answer = self.json("sql", query)
        return [dict(zip(answer["columns"], row)) for row in answer["rows"]]


class Stopwatch:
    def __init__(self):
        self.start, self.laps = time.monotonic(), {}

    def lap(self, name, since):
        self.laps[name] = round(time.monotonic() - since, 2)
        return time.monotonic()

    def total(self):
        return round(time.monotonic() - self.start, 2)
