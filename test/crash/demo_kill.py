"""kill -9 of the server at random moments of the flights example's training pipeline: demo_kill.py TATARA [KILLS] [SEED]

Each run gets up to four kills. Afterwards nothing may be lost and no stage's effect may have happened twice: each stage
started once, one run in the registry, one version, one verdict, the alias set, `dvc status` clean.
"""
import collections
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import yaml
from harness import Tatara, wait_for

ROOT = Path(__file__).resolve().parents[2]
KILLS_PER_RUN = 4


def user_python():
    """The folder of the Python that has what the example's scripts import: the one that runs this."""
    return Path(sys.executable).parent


def prepare(binary):
    t = Tatara(binary)
    t.env["PATH"] = f"{user_python()}:{t.env['PATH']}"
    project = Path(t.folder) / "flights"
    shutil.copytree(ROOT / "examples" / "flights", project)
    t.ledger = Path(t.folder) / "ledger"
    t.env["LEDGER"] = str(t.ledger)
    dvc = yaml.safe_load((project / "dvc.yaml").read_text())
    for name, stage in dvc["stages"].items():
        commands = stage["cmd"] if isinstance(stage["cmd"], list) else [stage["cmd"]]
        stage["cmd"] = [f"echo {name} >> $LEDGER", *commands]
    (project / "dvc.yaml").write_text(yaml.safe_dump(dvc, sort_keys=False))
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    t.project = str(project)
    return t


def run_with_kills(t, chance, kills):
    """Starts the pipeline, kills and restarts the server `kills` times, and lets it end."""
    t.up(folder=t.project)
    assert t.run("apply", "--yes", folder=t.project).code == 0
    follower = subprocess.Popen([t.binary, "run", "train", "--quiet"], cwd=t.project, env=t.env, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 3.0))
        t.kill()
        time.sleep(chance.uniform(0.0, 0.5))
        t.up(folder=t.project)
        if follower.poll() is not None:
            follower = subprocess.Popen([t.binary, "run", "train", "--quiet"], cwd=t.project, env=t.env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    follower.wait(180)
    final = t.run("run", "train", folder=t.project, timeout=180)
    assert final.code == 0, f"the pipeline did not succeed: {final.code} {final.out[-300:]} {final.err[-500:]}"


def json_of(t, *words):
    result = t.run(*words, "--json", folder=t.project)
    assert result.code == 0, result.err
    return result.json()


def examine(t):
    starts = collections.Counter(t.ledger.read_text().split())
    assert starts == {"prepare": 1, "features": 1, "train": 1, "evaluate": 1}, f"stages started: {dict(starts)}"
    models = json_of(t, "models")["models"]
    assert [(m["version"], m["aliases"]) for m in models] == [(1, ["champion"])], models
    runs = json_of(t, "runs")["runs"]
    assert len(runs) == 1 and runs[0]["status"] == "FINISHED" and "eval_mae" in runs[0]["metrics"], runs
    events = json_of(t, "events")["events"]
    assert sum(e["source"] == "tatara.gate" for e in events) == 1, "verdicts"
    known = {e["id"] for e in events}
    assert all(e["cause"] is None or e["cause"] in known for e in events), "an event has an unknown cause"
    wait_for(lambda: any(e["state"] == "READY" for e in json_of(t, "endpoints")["endpoints"]), what="the endpoint")
    status = subprocess.run([user_python() / "dvc", "status", "-q"], cwd=t.project, env=t.env, capture_output=True, text=True)
    assert status.returncode == 0, f"dvc status: {status.stdout}{status.stderr}"


def main():
    binary, kills = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(10**6)
    chance, passed, failed = random.Random(seed), 0, 0
    print(f"seed {seed}")
    while kills > 0:
        now = min(kills, chance.randint(1, KILLS_PER_RUN))
        kills -= now
        t = prepare(binary)
        try:
            run_with_kills(t, chance, now)
            examine(t)
            passed += 1
            print(f"ok a run with {now} kills", flush=True)
        except Exception as error:
            failed += 1
            print(f"not ok a run with {now} kills: {type(error).__name__}: {error}", flush=True)
        finally:
            t.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
