-- The point-in-time join of `tatara features build delay_v1`, in DuckDB's own words, for replay.py, which
-- runs without tatara: the newest weather known at the cutoff, at most six hours old. The test of this
-- example holds the two against each other.
WITH observed AS (
    SELECT origin, known_at, temp, dewp, wind_dir, wind_speed, precip, pressure, visib
    FROM 'data/weather.parquet'
    QUALIFY row_number() OVER (
        PARTITION BY origin, known_at
        ORDER BY temp DESC, dewp DESC, wind_dir DESC, wind_speed DESC, precip DESC, pressure DESC, visib DESC) = 1
),
fresh AS (
    SELECT s.id, w.* EXCLUDE (origin)
    FROM spine s ASOF JOIN observed w ON s.origin = w.origin AND s.cutoff >= w.known_at
    WHERE s.cutoff - w.known_at <= INTERVAL 6 HOUR
)
SELECT s.*, f.temp, f.dewp, f.wind_dir, f.wind_speed, f.precip, f.pressure, f.visib
FROM spine s LEFT JOIN fresh f ON f.id = s.id
