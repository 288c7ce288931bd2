"""The command line as its users meet it: help, wrong words, completion, one line from `up`, Ctrl-C, an installed tree that moves."""
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading

from harness import Tests, tatara, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
tests = Tests()


def commands(t):
    """The names that `tatara help` lists."""
    names = []
    for line in t.run("help").out.splitlines():
        if line.startswith("  ") and "  " in line.strip():
            names.append(line.strip().split("  ")[0])
    assert len(names) > 35, names
    return names


@tests.test
def the_page_of_commands_is_what_help_prints(binary):
    with tatara(binary) as t:
        page = open(os.path.join(ROOT, "docs", "cli.md")).read()
        assert t.run("help", "--markdown").out == page, "tatara help --markdown > docs/cli.md"


@tests.test
def every_command_explains_itself_without_a_home(binary):
    with tatara(binary) as t:
        for name in commands(t):
            for words in ([*name.split(), "--help"], ["help", *name.split()]):
                result = t.run(*words)
                assert result.code == 0 and f"usage: tatara {name}" in result.out and not result.err, (words, result.out, result.err)
        assert os.listdir(t.folder) == []


@tests.test
def what_is_not_in_this_version_is_refused_by_name(binary):
    with tatara(binary) as t:
        for words in (["cost"], ["console"], ["run", "--pull"], ["submit", "--gpus", "1", "--", "true"],
                      ["submit", "--image", "x", "--", "true"], ["submit", "--array", "2", "--", "true"], ["up", "--database", "postgresql://h/d"], ["doctor", "slurm"]):
            result = t.run(*words)
            assert result.code == 2 and "not in this version" in result.err and words[0 if len(words) == 1 else 1].split("=")[0] in result.err, (words, result.err)
        assert not os.path.exists(os.path.join(t.folder, ".tatara"))


@tests.test
def a_wrong_word_names_the_right_one(binary):
    with tatara(binary) as t:
        for words, wanted in [(["modles"], "models"), (["up", "--lisen", "x"], "--listen"), (["jobs", "--limt", "3"], "--limit"), (["schedule", "nxt", "rate(1 day)"], "next"),
                              (["submit"], "CMD"), (["logs"], "ID"), (["run", "-j", "zero"], "--jobs"), (["clock", "advance", "tomorrow"], "ISO 8601")]:
            result = t.run(*words)
            assert result.code == 2 and wanted in result.err and result.err.startswith("tatara: ") and result.err.count("\n") == 1, (words, result.code, result.err)


@tests.test
def the_deliveries_of_a_rule_that_is_not_there_are_not_none(binary):
    with tatara(binary) as t:
        t.write("tatara.yaml", "project: p\nnotices: {n: {webhook: ''}}\nrules: {r: {schedule: rate(1 day), notify: n}}\n")
        assert t.run("apply", "--yes").code == 0
        there, gone = t.run("rules", "deliveries", "r"), t.run("rules", "deliveries", "q")
        assert there.code == 0 and "'r'" in there.out, (there.out, there.err)
        assert gone.code == 3 and "no rule 'q'" in gone.err, (gone.code, gone.err)


@tests.test
def sql_names_the_tables_of_the_home_and_prefers_the_projects_own(binary):
    with tatara(binary) as t:
        t.up()
        for query, wanted in [("SELECT * FROM runz", "did you mean 'runs'"), ("SELECT * FROM nothing", "runs, metrics, events, capture_ENDPOINT")]:
            result = t.run("sql", query)
            assert result.code == 2 and wanted in result.err, (result.code, result.err)
        assert t.json("sql", "SELECT count(*) FROM runs")["rows"] == [[0]]
        with open(os.path.join(t.folder, "tatara.yaml"), "w") as project, open(os.path.join(t.folder, "runs.csv"), "w") as runs:
            project.write("project: p\nfeatures:\n  sources:\n    runs: {path: runs.csv, time: t, keys: [k]}\n")
            runs.write("k,t\na,2026-01-01T00:00:00Z\n")
        assert t.json("sql", "SELECT k FROM runs, (SELECT count(*) FROM events)")["rows"] == [["a"]]


@tests.test
def options_of_all_commands_stand_before_or_after(binary):
    with tatara(binary) as t:
        home = os.path.join(t.folder, "elsewhere")
        assert t.run("submit", "--home", home, "--", "true").code == 0
        assert t.run("jobs", "--home", home, "--json").out == t.run("--json", "--home", home, "jobs").out
        assert not os.path.exists(os.path.join(t.folder, ".tatara"))


@tests.test
def completion_offers_commands_and_their_options(binary):
    with tatara(binary) as t:
        script = t.run("completion", "bash").out

        def offered(*words):
            text = script + f'\nCOMP_WORDS=({" ".join(words)} "") COMP_CWORD={len(words)}\n_tatara\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
            return set(subprocess.run(["bash", "-c", text], cwd=t.folder, capture_output=True, text=True, check=True).stdout.split())

        assert {"up", "run", "submit", "features", "why"} <= offered("tatara")
        assert {"build", "materialize"} <= offered("tatara", "features")
        assert {"--spine", "--output"} <= offered("tatara", "features", "build")
        assert {"test", "deliveries"} <= offered("tatara", "rules")


class Stranger(http.server.BaseHTTPRequestHandler):
    """A server that answers everything with {}."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_DELETE = do_GET

    def log_message(self, *_):
        pass


@tests.test
def a_server_that_is_no_tatara_is_named(binary):
    with tatara(binary) as t, http.server.HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{stranger.server_port}"
        for words in (["jobs"], ["jobs", "show", "j"], ["models"], ["runs", "show", "r"], ["events"], ["alarms"], ["endpoints"], ["run"], ["why", "models:/a/1"], ["submit", "--", "true"]):
            result = t.run("--server", url, *words)
            assert result.code == 2 and f"{url} answers, but not as a Tatara server" in result.err, (words, result.code, result.err)
        stranger.shutdown()


@tests.test
def up_prints_one_line_and_ctrl_c_ends_it(binary):
    with tatara(binary) as t:
        t.up()
        t.server.send_signal(signal.SIGINT)
        rest, _ = t.server.communicate(timeout=12)
        assert t.server.returncode in (0, 130) and rest == "", (t.server.returncode, rest)
        assert "http://" not in open(t.log.name).read()
        t.server = None


@tests.test
def events_are_followed_as_they_come(binary):
    with tatara(binary) as t:
        t.up()
        out = open(os.path.join(t.folder, "events.jsonl"), "w+")
        follower = subprocess.Popen([t.binary, "--json", "events", "-f"], cwd=t.folder, env=t.env, stdout=out)
        try:
            job = t.run("submit", "--", "true").out.split()[0]
            wait_for(lambda: open(out.name).read().count(job) >= 4, what="the job's events")
        finally:
            follower.send_signal(signal.SIGINT)
            assert follower.wait(10) in (130, -signal.SIGINT)


@tests.test
def the_installed_tree_can_be_moved(binary):
    with tatara(binary) as t:
        build = os.path.dirname(os.path.dirname(t.binary))
        first, second = os.path.join(t.folder, "first"), os.path.join(t.folder, "second")
        subprocess.run(["cmake", "--install", build, "--prefix", first], check=True, capture_output=True)
        shutil.move(first, second)
        t.binary = os.path.join(second, "bin", "tatara")
        assert t.run("sql", "SELECT 6 * 7 AS answer", "--json").json()["rows"] == [[42]]
        assert t.run("submit", "--wait", "--", "true").code == 0  # the runner beside it
        doctor = t.run("doctor")
        assert doctor.code == 0 and "ONNX Runtime: loads" in doctor.out and second in doctor.out, doctor.out


if __name__ == "__main__":
    sys.exit(tests.run(os.path.abspath(sys.argv[1])))
