"""Holds a story against expected.json, with the tolerances of the story's schema. Each difference is one line.

The seconds are told, not judged: they say as much about what else the machine does."""

MINUTES = 0.05  # of an MAE, RMSE or bias


def near(a, b, tolerance):
    return a is not None and b is not None and abs(a - b) <= tolerance


class Comparison:
    def __init__(self, story, expected):
        self.story, self.expected = story, expected
        self.differences, self.checked = [], 0

    def check(self, what, got, wanted, holds):
        self.checked += 1
        if not holds:
            self.differences.append(f"{what}: got {got}, expected {wanted}")

    def equal(self, what, got, wanted):
        self.check(what, got, wanted, got == wanted)

    def minutes(self, what, got, wanted):
        self.check(what, got, wanted, near(got, wanted, MINUTES))

    def run(self):
        story, expected = self.story, self.expected
        first, end = story["span"]
        self.equal("requests", story["requests"], expected["requests"].get(f"{first} to {end}"))
        self.equal("failed requests", story["failed_requests"], 0)
        self.equal("rows of the feature table", story["feature_table"]["rows"], expected["features_q1"]["rows"])
        self.equal("SHA-256 of the feature table", story["feature_table"]["sha256"], expected["features_q1"]["sha256"])
        for name in ("mae", "rmse", "bias"):
            self.minutes(f"first model's {name}", story["first_model"][name], expected["A"]["holdout"][name])
        self.months()
        self.retrainings(first, end)
        self.fault_week()
        return self.differences

    def months(self):
        psi = self.expected["psi"]
        for row in self.story["months"]:
            month = row["month"]
            mae, bias = self.expected["loop"]["by_month_as_served"][month]
            self.minutes(f"{month} live_mae", row["live_mae"], mae)
            self.minutes(f"{month} live_bias", row["live_bias"], bias)
            self.minutes(f"{month} never_mae", row["never_mae"], self.expected["never_retrained"]["by_month"][month][0])
            for name, got in row["psi"].items():
                wanted = (psi["v1_prediction_by_month"][month] if name == "prediction"
                          else psi["by_month"][month].get(name))
                if wanted is not None:
                    self.check(f"{month} psi of {name}", got, wanted, near(got, wanted, max(0.001, 0.01 * wanted)))

    def retrainings(self, first, end):
        wanted = [r for r in self.expected["loop"]["retrainings"] if first < r["alarm"] < end]
        got = self.story["retrainings"]
        self.equal("days of the retrainings", [r["alarm"] for r in got], [r["alarm"] for r in wanted])
        for mine, theirs in zip(got, wanted):
            at = mine["alarm"]
            for name in ("start", "end"):
                self.equal(f"retraining {at} data.{name}", mine[name], theirs[name])
            for name in ("champion_mae", "challenger_mae"):
                self.minutes(f"retraining {at} {name}", mine[name], theirs[name])
            low, high = theirs["interval"]
            tolerance = 0.05 + 0.06 * (high - low) / 2
            for i, name in enumerate(("lower end", "upper end")):
                self.check(f"retraining {at} {name}", mine["interval"][i], theirs["interval"][i],
                           near(mine["interval"][i], theirs["interval"][i], tolerance))
            self.equal(f"retraining {at} verdict and its interval", mine["verdict"] == "promote", mine["interval"][1] < 0)
            if not theirs.get("coin_toss"):
                self.equal(f"retraining {at} verdict", mine["verdict"], theirs["verdict"])

    def fault_week(self):
        week = self.story["fault_week"]
        if week is None:
            return
        self.equal("fault week: alarm", week["quality_alarm"], "2013-04-22")
        self.equal("fault week: retrainings", week["retrainings"], 0)
        self.check("fault week: blocked", week["blocked"], "1 or more", week["blocked"] >= 1)
        self.equal("fault week: notified", week["notified"], ["data-owner"])
