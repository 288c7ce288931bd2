"""The feature table for replay.py, from the same SQL files as the stage `features`, without tatara."""
from pathlib import Path

import duckdb


def build(start, end, folder="data"):
    db = duckdb.connect()

    def sql(name):
        text = Path(name).read_text().replace("'data/", f"'{folder}/")
        return text.replace(f"'{folder}/joined.parquet'", "joined")

    db.execute("CREATE TABLE spine AS " + sql("spine.sql"), {"start": start, "end": end})
    db.execute("CREATE TABLE joined AS " + sql("weather.sql"))
    return db.execute(sql("features.sql")).df()
