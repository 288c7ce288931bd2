-- The spine with its weather (data/joined.parquet), and beside it what was known at the cutoff about
-- delays at the origin and air times on the route.
WITH flights AS (FROM 'data/flights.parquet'),

-- Running totals: the sum over a window is the difference of two look-ups.
left_gate AS (
    SELECT origin, dest, dep_delay, air_time, sched_dep + to_minutes(dep_delay::BIGINT) AS left_at
    FROM flights
    WHERE dep_delay IS NOT NULL
),
departed AS (
    SELECT origin, left_at AS known_at, sum(sum(dep_delay)) OVER w AS delay, sum(count(*)) OVER w AS n
    FROM left_gate
    GROUP BY origin, left_at
    WINDOW w AS (PARTITION BY origin ORDER BY left_at)
),

-- An air time is known one hour after landing.
landed AS (
    SELECT dest, known_at, sum(sum(air_time)) OVER w AS minutes, sum(count(*)) OVER w AS n
    FROM (
        SELECT dest, air_time, left_at + to_minutes(air_time::BIGINT + 60) AS known_at
        FROM left_gate
        WHERE air_time IS NOT NULL
    )
    GROUP BY dest, known_at
    WINDOW w AS (PARTITION BY dest ORDER BY known_at)
)

SELECT
    s.id, s.date, s.sched_dep, s.cutoff, s.carrier, s.origin, s.dest,
    s.distance, a.lat AS dest_lat, a.lon AS dest_lon, s.dep_hour,
    s.temp, s.dewp, s.wind_dir, s.wind_speed, s.precip, s.pressure, s.visib,
    (d1.delay - coalesce(d0.delay, 0)) / nullif(d1.n - coalesce(d0.n, 0), 0) AS delay_3h,
    coalesce(d1.n, 0) - coalesce(d0.n, 0) AS departures_3h,
    (l1.minutes - coalesce(l0.minutes, 0)) / nullif(l1.n - coalesce(l0.n, 0), 0) AS route_24h,
    s.air_time
FROM 'data/joined.parquet' s
LEFT JOIN 'data/airports.parquet' a ON a.faa = s.dest
ASOF LEFT JOIN departed d1 ON d1.origin = s.origin AND s.cutoff >= d1.known_at
ASOF LEFT JOIN departed d0 ON d0.origin = s.origin AND s.cutoff - INTERVAL 3 HOUR >= d0.known_at
ASOF LEFT JOIN landed l1 ON l1.dest = s.dest AND s.cutoff >= l1.known_at
ASOF LEFT JOIN landed l0 ON l0.dest = s.dest AND s.cutoff - INTERVAL 24 HOUR >= l0.known_at
ORDER BY s.sched_dep, s.id
