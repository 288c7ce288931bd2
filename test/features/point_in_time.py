#!/usr/bin/env python3
"""The point-in-time join against a reference that tries every pair of rows.

    point_in_time.py TATARA [ROUNDS] [SEED]

Run with a Python that has duckdb and numpy. Prints one line for each failure; exit code 1 if there
is one. Small random tables with many ties, nulls, doubles of rows, all kinds of key and time.
"""
import datetime
import math
import os
import random
import subprocess
import sys
import tempfile

import duckdb

EPOCH = datetime.datetime(2024, 1, 1)
STEP = datetime.timedelta(hours=1)
TTL = {"90m": 90, "2h": 120, "1d": 1440, None: None}


def sql_literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return "'nan'::DOUBLE"
        if math.isinf(value):
            return "'inf'::DOUBLE" if value > 0 else "'-inf'::DOUBLE"
        return f"'{value!r}'::DOUBLE"
    if isinstance(value, (int,)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def write_table(path, columns, rows):
    """columns: [(name, DuckDB type)]; CSV by the ending of path."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    body = ", ".join(f'"{name}" {kind}' for name, kind in columns)
    connection.execute(f"CREATE TABLE t ({body})")
    for start in range(0, len(rows), 500):
        values = ", ".join("(" + ", ".join(map(sql_literal, row)) + ")" for row in rows[start:start + 500])
        connection.execute(f"INSERT INTO t VALUES {values}")
    connection.execute(f"COPY t TO '{path}'")


def rank(value):
    """The total order of values: null, then -Inf ... -0.0, 0.0 ... +Inf, NaN."""
    if value is None:
        return (0,)
    if isinstance(value, bool):
        return (1, int(value))
    if isinstance(value, float):
        if math.isnan(value):
            return (3,)
        return (2, value, math.copysign(1, value))
    if isinstance(value, str):
        return (1, value.encode())
    return (1, value)


def reference(spine, source, keys, ttl, filter_created):
    """For each spine row (keys, time) the values of the source row that wins, or None."""
    out = []
    for spine_keys, time in spine:
        best = None
        for source_keys, seen, created, values in source:
            if time is None or seen is None or None in spine_keys[:keys]:
                continue
            if spine_keys[:keys] != source_keys[:keys] or seen > time:
                continue
            if ttl is not None and seen < time - ttl:
                continue
            if filter_created and (created is None or created > time):
                continue
            order = (seen, rank(created), tuple(map(rank, values)))
            if best is None or order > best[0]:
                best = (order, values)
        out.append(None if best is None else best[1])
    return out


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return repr(a) == repr(b)
    return a == b and type(a) is type(b)


class Round:
    """One random case: a source, a spine, a view."""

    def __init__(self, generator, folder):
        self.random = generator
        self.folder = folder
        self.key_kind = generator.choice(["INTEGER", "BIGINT", "VARCHAR", "BOOLEAN", "DATE", "UBIGINT"])
        self.keys = generator.choice([0, 1, 1, 1, 2])
        self.time_kind = generator.choice(["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS", "DATE", "TIMESTAMP_S"])
        self.spine_kind = generator.choice(["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS"])
        self.has_created = generator.random() < 0.6
        self.filter_created = self.has_created and generator.random() < 0.5
        self.ttl = generator.choice(list(TTL))
        self.spine_csv = generator.random() < 0.25
        self.source_csv = generator.random() < 0.25

    def pick(self, null_share=0.1):
        return None if self.random.random() < null_share else self.random.randrange(6)

    def key_text(self, number):
        if number is None:
            return None
        return {"VARCHAR": f"k{number}", "BOOLEAN": number % 2 == 0,
                "DATE": f"2024-02-0{number + 1}"}.get(self.key_kind, number)

    def time_text(self, hours, kind):
        if hours is None:
            return None
        return str(EPOCH + (hours if kind != "DATE" else hours // 24 * 24) * STEP)

    def minutes(self, hours, kind):
        if hours is None:
            return None
        return (hours if kind != "DATE" else hours // 24 * 24) * 60

    def run(self, tatara):
        r = self.random
        key_columns = [(f"k{i}", self.key_kind) for i in range(2)]
        source_rows, source = [], []
        for _ in range(r.randrange(0, 60)):
            keys = [self.key_text(self.pick()) for _ in range(2)]
            hours = None if r.random() < 0.05 else r.randrange(0, 60)
            created = None if r.random() < 0.2 else r.randrange(0, 60)
            values = (r.choice([None, 1, 2, 3]),
                      r.choice([None, -0.0, 0.0, 1.5, -2.0, math.nan, math.inf, -math.inf]),
                      r.choice([None, "a", "b", "Z", "é"]),
                      r.choice([None, True, False]))
            source_rows.append([*keys, self.time_text(hours, self.time_kind),
                                self.time_text(created, "TIMESTAMP"), *values])
            source.append((keys, self.minutes(hours, self.time_kind),
                           self.minutes(created, "TIMESTAMP") if self.has_created else None, values))
        spine_rows, spine = [], []
        for row in range(r.randrange(0, 40)):
            keys = [self.key_text(self.pick()) for _ in range(2)]
            hours = None if r.random() < 0.05 else r.randrange(0, 70)
            spine_rows.append([row, *keys, self.time_text(hours, self.spine_kind)])
            spine.append((keys, self.minutes(hours, self.spine_kind)))
        source_path = "source.csv" if self.source_csv else "source.parquet"
        spine_path = "spine.csv" if self.spine_csv else "spine.parquet"
        shuffled = source_rows[:]
        r.shuffle(shuffled)
        columns = [*key_columns, ("seen", self.time_kind), ("stored", "TIMESTAMP"), ("i", "INTEGER"),
                   ("d", "DOUBLE"), ("s", "VARCHAR"), ("b", "BOOLEAN")]
        write_table(os.path.join(self.folder, spine_path),
                    [("id", "INTEGER"), *key_columns, ("event_timestamp", self.spine_kind)], spine_rows)
        outputs = []
        for rows in (source_rows, shuffled):
            write_table(os.path.join(self.folder, source_path), columns, rows)
            problem = self.build(tatara, source_path, spine_path)
            if problem:
                return problem
            with open(os.path.join(self.folder, "out.parquet"), "rb") as file:
                outputs.append(file.read())
        if outputs[0] != outputs[1]:
            return "another order of the source gives other bytes"
        wanted = reference(spine, source, self.keys, TTL[self.ttl], self.filter_created)
        return self.compare(spine_rows, wanted)

    def build(self, tatara, source_path, spine_path):
        keys = ", ".join(f"k{i}" for i in range(self.keys))
        created = ", created: stored" if self.has_created else ""
        ttl = f", ttl: {self.ttl}" if self.ttl else ""
        known = ", filter_created: true" if self.filter_created else ""
        with open(os.path.join(self.folder, "tatara.yaml"), "w", encoding="utf-8") as file:
            file.write(f"features:\n  sources: {{s: {{path: {source_path}, time: seen{created}, keys: [{keys}]}}}}\n"
                       f"  views: {{v: {{source: s, columns: [i, d, s, b]{ttl}{known}}}}}\n  services: {{f: [v]}}\n")
        done = subprocess.run([tatara, "features", "build", "f", "--spine", spine_path, "-o", "out.parquet"],
                              cwd=self.folder, capture_output=True, text=True, check=False)
        return f"exit {done.returncode}: {done.stderr.strip()}" if done.returncode else None

    def compare(self, spine_rows, wanted):
        connection = duckdb.connect()
        rows = connection.execute(f"SELECT id, i, d, s, b FROM '{self.folder}/out.parquet'").fetchall()
        if len(rows) != len(spine_rows):
            return f"{len(rows)} rows instead of {len(spine_rows)}"
        for row, spine_row, values in zip(rows, spine_rows, wanted):
            values = values or (None,) * 4
            if row[0] != spine_row[0]:
                return f"row {spine_row[0]} is not in its place"
            # Without a value of its type a CSV column is text, true in all of its nulls.
            if not all(same(a, b) for a, b in zip(row[1:], values)):
                return f"spine row {spine_row}: {row[1:]} instead of {values}"
        return None

    def describe(self):
        return (f"keys {self.keys} {self.key_kind}, {self.time_kind} / {self.spine_kind}, ttl {self.ttl}, "
                f"created {self.has_created} filter {self.filter_created}, csv {self.spine_csv} {self.source_csv}")


def main():
    tatara = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    failures = 0
    for number in range(rounds):
        generator = random.Random(f"{seed}-{number}")
        with tempfile.TemporaryDirectory() as folder:
            case = Round(generator, folder)
            problem = case.run(tatara)
        if problem:
            failures += 1
            print(f"point in time, round {number} ({case.describe()}): {problem}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
