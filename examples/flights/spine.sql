-- One row per flight of the window; what is predicted is asked one hour before its scheduled departure.
SELECT *, sched_dep - INTERVAL 1 HOUR AS cutoff
FROM 'data/flights.parquet'
WHERE date >= $start AND date < $end
ORDER BY sched_dep, id
