"""Jobs and the home's owner through the command line: jobs_test.py TATARA"""
import os
import signal
import subprocess
import time

from harness import Tests, main, tatara, wait_for

tests = Tests()
FINAL = {"SUCCEEDED", "FAILED", "CANCELLED", "LOST"}


def ended(t, job):
    return wait_for(lambda: (s := t.json("jobs", "show", job))["state"] in FINAL and s, what=f"the end of {job}")


@tests.test
def submit_prints_the_id_and_logs_are_the_jobs_bytes(binary):
    with tatara(binary) as t:
        t.up()
        job = t.run("submit", "--", "sh", "-c", "printf 'a\\n\\0b'; printf err >&2").out.strip().splitlines()[-1]
        assert ended(t, job)["exit_code"] == 0
        raw = subprocess.run([t.binary, "logs", job], cwd=t.folder, env=t.env, capture_output=True).stdout
        assert raw == b"a\n\0berr", raw


@tests.test
def exit_codes_signals_timeouts_and_memory_are_told_apart(binary):
    with tatara(binary) as t:
        t.up()
        cases = {"exit": (["sh", "-c", "exit 3"], [], 3, "exit code 3"),
                 "signal": (["sh", "-c", "kill -SEGV $$"], [], 139, "signal"),
                 "timeout": (["sleep", "60"], ["--timeout", "1s"], 143, "timed out"),
                 "missing": (["/no/such/program"], [], 127, "exit code 127"),
                 "memory": (["python3", "-c", "x = bytearray(400 << 20); import time; time.sleep(30)"],
                            ["--memory", "100Mi"], 137, "out of memory"),
                 "memory of what left the group": (["setsid", "--wait", "python3", "-c", "x = bytearray(400 << 20); import time; time.sleep(30)"],
                                                   ["--memory", "100Mi"], 137, "out of memory")}
        jobs = {name: t.json("submit", *options, "--", *command)["id"] for name, (command, options, _, _) in cases.items()}
        for name, (_, _, code, reason) in cases.items():
            job = ended(t, jobs[name])
            assert job["state"] == "FAILED" and job["exit_code"] == code and reason in job["reason"], (name, job)


@tests.test
def a_stubborn_job_is_killed_within_seven_seconds(binary):
    with tatara(binary) as t:
        t.up()
        job = t.json("submit", "--", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")["id"]
        wait_for(lambda: t.json("jobs", "show", job)["state"] == "RUNNING")
        time.sleep(0.2)
        began = time.monotonic()
        assert t.run("cancel", job).code == 0
        state = ended(t, job)
        assert state["state"] == "CANCELLED" and state["reason"] == "cancelled", state
        assert time.monotonic() - began < 7
        assert t.run("cancel", job).code == 4
        assert t.run("cancel", "j-none").code == 3


@tests.test
def dependencies_retries_and_priorities(binary):
    with tatara(binary) as t:
        t.up()
        first = t.json("submit", "--", "sh", "-c", "sleep 0.3; exit 1")["id"]
        after = t.json("submit", "--after", first, "--", "true")["id"]
        assert ended(t, after)["state"] == "FAILED" and first in ended(t, after)["reason"]
        # Given after the other one had failed already: the job fails, and the server lives.
        late = t.json("submit", "--after", first, "--", "true")["id"]
        assert ended(t, late)["state"] == "FAILED" and first in ended(t, late)["reason"]
        flag = os.path.join(t.folder, "flag")
        again = t.json("submit", "--retries", "2", "--", "sh", "-c", f"test -e {flag} || {{ touch {flag}; exit 1; }}")["id"]
        job = ended(t, again)
        assert job["state"] == "SUCCEEDED" and [a["exit_code"] for a in job["attempts"]] == [1, 0], job


@tests.test
def jobs_survive_a_killed_server_and_are_found_again(binary):
    with tatara(binary) as t:
        t.up()
        marks = os.path.join(t.folder, "marks")
        long = t.json("submit", "--", "sh", "-c", f"echo start >> {marks}; sleep 2; echo end >> {marks}")["id"]
        short = t.json("submit", "--", "sh", "-c", "sleep 0.3; exit 5")["id"]
        wait_for(lambda: os.path.exists(marks))
        t.kill()
        time.sleep(0.6)  # the short one ends while no server looks
        t.up()
        assert ended(t, short)["exit_code"] == 5
        assert ended(t, long)["state"] == "SUCCEEDED"
        assert open(marks).read() == "start\nend\n"


@tests.test
def a_killed_runner_makes_the_attempt_lost_and_leaves_nothing(binary):
    with tatara(binary) as t:
        t.up()
        job = t.json("submit", "--", "sh", "-c", "sleep 300 & sleep 300")["id"]
        wait_for(lambda: t.json("jobs", "show", job)["state"] == "RUNNING")
        time.sleep(0.2)
        claim = os.path.join(t.folder, ".tatara", "jobs", job, "1", "claim")
        runner, group = map(int, open(claim).read().split())
        os.kill(runner, signal.SIGKILL)
        assert ended(t, job)["state"] == "LOST"
        wait_for(lambda: subprocess.run(["pgrep", "-g", str(group)], capture_output=True).returncode != 0, what="the group's end")


@tests.test
def what_a_job_leaves_running_ends_with_it(binary):
    with tatara(binary) as t:
        t.up()
        left = t.write("left.py", "import time; time.sleep(300)")
        # One in the group, one that has left it, one that has left it by a double fork.
        command = f"python3 {left} & setsid python3 {left} & (setsid sh -c 'python3 {left} & sleep 0.1' &); sleep 0.5"
        done = t.json("submit", "--", "sh", "-c", command)["id"]
        assert ended(t, done)["state"] == "SUCCEEDED"
        wait_for(lambda: subprocess.run(["pgrep", "-f", left], capture_output=True).returncode != 0, what="the end of what was left")


@tests.test
def without_a_server_submit_waits_for_one(binary):
    with tatara(binary) as t:
        first = t.run("submit", "--", "touch", "made")
        assert first.code == 0 and "no server" in first.err, first.err
        assert t.run("submit", "--wait", "--", "sh", "-c", "echo hello; exit 4").code == 1
        assert not os.path.exists(os.path.join(t.folder, "made"))
        assert t.json("jobs")["jobs"][-1]["state"] in ("SUBMITTED", "RUNNABLE")
        t.up()
        assert ended(t, first.out.strip())["state"] == "SUCCEEDED"


@tests.test
def a_home_has_one_owner_and_a_port_one_server(binary):
    with tatara(binary) as t:
        url = t.up()
        second = t.run("up", "--listen", "127.0.0.1:0")
        assert second.code == 4 and url in second.err and second.out == "", second.err
        other = t.run("--home", os.path.join(t.folder, "other"), "up", "--listen", url.removeprefix("http://"))
        assert other.code == 4 and url.rsplit(":", 1)[1] in other.err, other.err
        assert t.run("--server", "http://127.0.0.1:1", "jobs").code == 6


@tests.test
def sigterm_ends_the_server_but_not_its_jobs(binary):
    with tatara(binary) as t:
        t.up()
        job = t.json("submit", "--", "sleep", "2")["id"]
        wait_for(lambda: t.json("jobs", "show", job)["state"] == "RUNNING")
        began = time.monotonic()
        t.server.send_signal(signal.SIGTERM)
        assert t.server.wait(10) == 0 and time.monotonic() - began < 10
        assert t.json("jobs", "show", job)["state"] == "RUNNING"  # read without a server
        t.server = None
        t.up()
        assert ended(t, job)["state"] == "SUCCEEDED"


@tests.test
def a_copied_home_touches_no_process(binary):
    with tatara(binary) as t:
        t.up()
        job = t.json("submit", "--", "sleep", "5")["id"]
        wait_for(lambda: t.json("jobs", "show", job)["state"] == "RUNNING")
        copy = os.path.join(t.folder, "copy")
        subprocess.run(["cp", "-r", os.path.join(t.folder, ".tatara"), copy], check=True)
        server = subprocess.Popen([t.binary, "--home", copy, "up", "--listen", "127.0.0.1:0"], env=t.env, cwd=t.folder,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        server.stdout.readline()
        assert t.json("--home", copy, "jobs", "show", job)["state"] == "LOST"
        server.terminate()
        server.wait(10)
        assert t.json("jobs", "show", job)["state"] == "RUNNING"
        t.run("cancel", job)


@tests.test
def wrong_use_is_told_apart(binary):
    with tatara(binary) as t:
        for words, code, text in [(["jbos"], 2, "did you mean 'jobs'"), (["submit"], 2, "-- CMD"),
                                  (["submit", "--gpus", "1", "--", "true"], 2, "not in this version"),
                                  (["submit", "--cpus", "x", "--", "true"], 2, "--cpus"),
                                  (["jobs", "--lmit", "3"], 2, "--limit"), (["up", "--listen", "x"], 2, "HOST:PORT"),
                                  (["up", "--database", "postgres://x"], 2, "not in this version"),
                                  (["up", "--listen", "0.0.0.0:0"], 5, "--insecure"), (["jobs"], 3, "tatara up"),
                                  (["why", "models:/x/1"], 3, "tatara up")]:
            result = t.run(*words)
            assert result.code == code and text in result.err and result.err.count("\n") == 1, (words, result.code, result.err)


if __name__ == "__main__":
    main(tests)
