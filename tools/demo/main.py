#!/usr/bin/env python3
"""`make demo`: the story of examples/flights from the first training to the last repair.

It works in a copy of the example under build/demo/, drives the tatara binary as a user would, reads the
story back from the product into build/demo/story.json, prints it, and holds it against expected.json.
Exit code 0 only if all agrees.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import yaml
from compare import Comparison
from hands import Failed, Platform, Stopwatch, environment
from story import Teller, feature_table

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "build" / "demo"
FAULT_DAYS = 8  # of the spoiled week, the first one included
CALM_DAYS = 15  # before it


def say(text):
    print(f"\n== {text}", flush=True)


def names_of(folder):
    """What the example's own files call things."""
    project = yaml.safe_load((folder / "tatara.yaml").read_text())
    endpoint = next(iter(project["endpoints"]))
    monitor = next(m for m in project["monitors"].values() if m["endpoint"] == endpoint)
    pipeline_name, pipeline = next(iter(project["pipelines"].items()))
    quality = next(name for name, alarm in project["alarms"].items() if alarm["metric"]["name"] == "model_quality")
    drift = next((a["metric"]["dimensions"]["feature"] for a in project["alarms"].values()
                  if a["metric"]["name"] == "feature_drift"), "temp")
    return {"endpoint": endpoint, "timezone": monitor.get("timezone", "UTC"), "baseline": monitor["baseline"],
            "pipeline": pipeline_name, "model": pipeline["register"]["model"], "label": pipeline["gate"]["label"],
            "alarm": quality, "drift": drift}


class Demo:
    def __init__(self, arguments):
        self.arguments = arguments
        self.tatara = str(Path(arguments.tatara).resolve())
        self.python = sys.executable
        self.folder, self.home = DEMO / "flights", DEMO / "home"
        self.scratch = self.folder / "data" / "demo"  # below the project, where `tatara sql` may read
        self.env = environment(self.tatara, self.python)
        self.platform = Platform(self.tatara, str(self.home), self.folder, self.env)
        self.fault = Platform(self.tatara, str(DEMO / "home-fault"), self.folder, self.env)
        self.story = {"schema": 1}

    def prepare(self):
        shutil.rmtree(DEMO, ignore_errors=True)
        DEMO.mkdir(parents=True)
        shutil.copytree(ROOT / "examples" / "flights", self.folder, ignore=shutil.ignore_patterns(".dvc", "__pycache__"))
        self.scratch.mkdir(parents=True)
        for command in (["init", "-q"], ["add", "."],
                        ["-c", "user.name=demo", "-c", "user.email=demo@localhost", "commit", "-qm", "flights"]):
            subprocess.run(["git", *command], cwd=self.folder, check=True)
        self.names = names_of(self.folder)
        self.params = yaml.safe_load((self.folder / "params.yaml").read_text())
        start = str(self.params["data"]["end"])
        self.story["span"] = [start, self.arguments.end]

    def replay(self, platform, start, end, *options):
        """Sends real flights to the endpoint; the number of requests, and of those without a 200."""
        out = self.scratch / "predictions.csv"
        out.unlink(missing_ok=True)
        endpoint = f"{platform.url}/endpoints/{self.names['endpoint']}"
        result = subprocess.run([self.python, "replay.py", "--start", start, "--end", end, "--endpoint",
                                 f"{endpoint}/invocations", "--truth", f"{endpoint}/ground-truth", "--out", str(out),
                                 *options], cwd=self.folder, env=self.env, stdout=subprocess.PIPE, text=True)
        if result.returncode != 0:
            raise Failed(f"replay.py ended with {result.returncode}")
        match = re.search(r"^(\d+) requests", result.stdout, re.M)
        lines = sum(1 for _ in open(out)) - 1
        platform.run("clock", "advance", (date.fromisoformat(end) + timedelta(days=1)).isoformat())
        return int(match.group(1)), int(match.group(1)) - lines

    def tell(self):
        start, end = self.story["span"]
        watch = Stopwatch()
        self.platform.up("--replay-from", start)
        self.platform.run("apply", "--yes", show=True)
        say(f"tatara run {self.names['pipeline']}")
        self.platform.run("run", self.names["pipeline"], show=True)
        lap = watch.lap("train", watch.start)
        self.story["feature_table"] = feature_table(self.folder / "data" / "features.parquet")
        self.platform.down()
        shutil.copytree(self.home, self.fault.home)
        self.platform.up()
        say(f"replay of {start} to {end}: every flight a request, its truth a day later")
        lap = time.monotonic()
        self.story["requests"], self.story["failed_requests"] = self.replay(self.platform, start, end)
        lap = watch.lap("replay", lap)
        teller = Teller(self.platform, self.names, "data/demo")
        self.story["model"], self.story["quality_alarm"] = self.names["model"], self.names["alarm"]
        self.story["first_model"] = teller.first_model()
        self.story["months"] = teller.months(self.params["features"])
        self.story["retrainings"] = teller.retrainings()
        watch.lap("read back", lap)
        self.print_months()
        self.story["seconds"] = {"loop": watch.total(), **watch.laps}

    def tell_fault_week(self):
        start = date.fromisoformat(self.story["span"][0])
        spoiled = start + timedelta(days=CALM_DAYS)
        end = spoiled + timedelta(days=FAULT_DAYS)
        say(f"a copy of the home after the first deployment: the weather feed is silent from {spoiled}")
        began = time.monotonic()
        self.fault.up()
        self.replay(self.fault, start.isoformat(), end.isoformat(), "--fault", "silent", "--fault-start", spoiled.isoformat())
        week = Teller(self.fault, self.names, "data/demo").fault_week()
        self.fault.down()
        self.story["fault_week"] = week
        self.story["seconds"]["fault week"] = round(time.monotonic() - began, 2)
        print(f"quality alarm {week['quality_alarm']}, retraining held back {week['blocked']} time(s), "
              f"{week['retrainings']} started, told: {', '.join(week['notified']) or 'nobody'}")

    def print_months(self):
        say("the story")
        print(f"{'month':8}  {'drift (PSI ' + self.names['drift'] + ')':>18}  {'never retrained':>15}  {'deployed':>8}   MAE in minutes")
        for row in self.story["months"]:
            print(f"{row['month']:8}  {row['psi'][self.names['drift']]:18.2f}  {row['never_mae']:15.2f}  {row['live_mae']:8.2f}")
        for row in self.story["retrainings"]:
            low, high = row["interval"] or (float("nan"), float("nan"))
            print(f"{row['alarm']}  alarm: trained on {row['start']} to {row['end']}, champion {row['champion_mae']:.2f}, "
                  f"challenger {row['challenger_mae']:.2f}, difference [{low:.2f}, {high:.2f}] -> {row['verdict']} v{row['version']}")

    def compare(self):
        expected = json.loads((Path(__file__).parent / "expected.json").read_text())
        comparison = Comparison(self.story, expected)
        try:
            differences = comparison.run()
        except KeyError as error:
            differences = [*comparison.differences, f"expected.json says nothing about {error}"]
        say(f"against expected.json: {comparison.checked} figures compared, {len(differences)} differ")
        for line in differences:
            print(f"  {line}")
        return not differences

    def run(self):
        try:
            self.prepare()
            self.tell()
            live = max((v["version"] for v in self.platform.json("models")["models"] if "champion" in v["aliases"]), default=1)
            self.why = self.platform.run("why", f"models:/{self.names['model']}/{live}")
            self.platform.down()
            self.tell_fault_week()
        finally:
            for platform in (self.platform, self.fault):
                platform.down()
            self.story["home"] = str(self.home.relative_to(ROOT)) if self.arguments.keep else None
            (DEMO / "story.json").write_text(json.dumps(self.story, indent=1, allow_nan=False) + "\n")
            if not self.arguments.keep:
                for platform in (self.platform, self.fault):
                    shutil.rmtree(platform.home, ignore_errors=True)
        agrees = self.compare()
        say("why is this version live?")
        print(self.why)
        print(f"build/demo/story.json; the loop took {self.story['seconds']['loop']:.0f} s (aim: 120 on two idle cores)"
              + (f"; home kept: {self.home.relative_to(ROOT)}" if self.arguments.keep else ""))
        return 0 if agrees else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tatara", required=True, help="the binary")
    parser.add_argument("--end", default="2013-08-01", help="the day after the last one (default 2013-08-01)")
    parser.add_argument("--keep", action="store_true", help="keep the home and print its path")
    try:
        return Demo(parser.parse_args()).run()
    except Failed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
