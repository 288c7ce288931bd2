"""Reads the story back from the product: events, registry, captured traffic. Nothing here knows how it must end."""
import os
from datetime import date, datetime
from zoneinfo import ZoneInfo


def day_of(time, zone):
    return datetime.fromisoformat(time.replace("Z", "+00:00")).astimezone(zone).date().isoformat()


class Teller:
    def __init__(self, platform, names, scratch):
        self.p, self.names, self.scratch = platform, names, scratch
        self.zone = ZoneInfo(names["timezone"])
        self.model = f"models:/{names['model']}"

    def months(self, features):
        """One row a month: how the first model would have done all the time, and what was answered."""
        endpoint, table = self.names["endpoint"], f"capture_{self.names['endpoint']}"
        self.baseline = self._predicted(self._training_rows(), "training", self.names["label"])
        local = f"timezone('{self.names['timezone']}', timezone('UTC', event_time))"
        live = self.p.sql(
            f"SELECT strftime({local}, '%Y-%m') AS month, count(*) AS requests, "
            f"avg(abs(prediction - truth)) AS mae, avg(prediction - truth) AS bias FROM {table} GROUP BY 1 ORDER BY 1")
        columns = ", ".join(f'"{name}"' for name in features)
        rows = []
        for month in live:
            path = f"{self.scratch}/{endpoint}-{month['month']}.parquet"
            self.p.sql(f"SELECT {columns}, truth AS {self.names['label']} FROM {table} "
                       f"WHERE strftime({local}, '%Y-%m') = '{month['month']}'", path)
            never = self.p.json("evaluate", "--model", f"{self.model}/1", "--data", path, "--label", self.names["label"])
            rows.append({"month": month["month"], "requests": month["requests"],
                         "never_mae": never["metrics"]["mae"], "live_mae": month["mae"], "live_bias": month["bias"],
                         "psi": self._drift(path, month["month"])})
        return rows

    def _training_rows(self):
        version = self.p.json("models")["models"]
        run = next(v["run_id"] for v in version if v["name"] == self.names["model"] and v["version"] == 1)
        path = f"{self.scratch}/{self.names['baseline']}"
        self.p.run("artifacts", "get", f"runs:/{run}/{self.names['baseline']}", path)
        return path

    def _predicted(self, path, name, label):
        """The rows of a file with the first model's prediction beside them, also where there is no truth."""
        every = f"{self.scratch}/{name}-every.parquet"
        self.p.sql(f"SELECT *, 0.0 AS no_label FROM '{path}'", every)
        answers = f"{self.scratch}/{name}-answers.parquet"
        self.p.run("evaluate", "--model", f"{self.model}/1", "--data", every, "--label", "no_label",
                   "--predictions", answers, "--json")
        joined = f"{self.scratch}/{name}-predicted.parquet"
        self.p.sql(f"SELECT a.*, b.prediction FROM '{path}' a POSITIONAL JOIN '{answers}' b", joined)
        return joined

    def _drift(self, path, month):
        current = self._predicted(path, month, self.names["label"])
        columns = [self.names["drift"], "distance", self.names["label"], "prediction"]
        report = self.p.json("drift", self.baseline, current, "--columns", ",".join(columns))
        return {feature["name"]: feature["psi"] for feature in report["features"]}

    def first_model(self):
        version = next(v for v in self.p.json("models")["models"]
                       if v["name"] == self.names["model"] and v["version"] == 1)
        run = next(r for r in self.p.json("runs")["runs"] if r["run_id"] == version["run_id"])
        return {"run_id": run["run_id"], **{name: run["metrics"][f"eval_{name}"] for name in ("mae", "rmse", "bias")}}

    def retrainings(self):
        """One for each pipeline run that the alarm's rule began, with its gate's verdict."""
        events = {event["id"]: event for event in self.p.json("events")["events"]}
        rows = []
        for gate in (e for e in events.values() if e["source"] == "tatara.gate"):
            chain, cause = [], gate["cause"]
            while cause:
                chain.append(events[cause])
                cause = events[cause]["cause"]
            alarm = next((e for e in chain if e["source"] == "tatara.alarm"), None)
            started = next((e for e in chain if e["source"] == "tatara.pipelines" and e["type"] == "run_started"), None)
            if alarm is None or started is None:
                continue  # the first training: a person began it
            params = started["detail"]["params"]
            detail = gate["detail"]
            rows.append({"alarm": params["data.end"], "start": params["data.start"], "end": params["data.end"],
                         "champion_mae": detail["champion"], "challenger_mae": detail["candidate"],
                         "interval": detail["interval"], "verdict": detail["verdict"],
                         "version": int(detail["candidate_model"].rsplit("/", 1)[1])})
        return sorted(rows, key=lambda row: row["alarm"])

    def fault_week(self):
        alarms = [e for e in self.p.events("tatara.alarm")
                  if e["detail"]["alarm"] == self.names["alarm"] and e["detail"]["state"] == "ALARM"]
        rules = self.p.events("tatara.rule")
        notices = self.p.events("tatara.notice")
        return {"quality_alarm": day_of(alarms[0]["time"], self.zone) if alarms else None,
                "blocked": sum(e["type"] == "rule_blocked" for e in rules),
                "retrainings": sum(e["type"] == "rule_started" and "run" in e["detail"] for e in rules),
                "notified": sorted({e["detail"]["notice"] for e in notices if e["detail"]["type"] == "rule_blocked"})}


def feature_table(path):
    """Rows and SHA-256 of the table's text (expected.json, settings.sha256)."""
    import hashlib

    import pandas as pd

    columns = ["distance", "dest_lat", "dest_lon", "dep_hour", "temp", "dewp", "wind_dir", "wind_speed", "precip",
               "pressure", "visib", "delay_3h", "departures_3h", "route_24h", "air_time"]
    table = pd.read_parquet(path).sort_values(["sched_dep", "id"])
    digest = hashlib.sha256()
    for row in table[["id", *columns]].itertuples(index=False):
        cells = ["" if value != value or value is None else f"{value:.6f}" for value in row[1:]]
        digest.update(",".join([row[0], *cells]).encode() + b"\n")
    return {"rows": len(table), "sha256": digest.hexdigest()}
