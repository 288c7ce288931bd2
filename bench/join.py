"""The point-in-time join's data and what DuckDB makes of it: join.py make|asof|law|compare, in a scratch folder.

1 M spine rows, 10 M source rows, 1,000 keys, two columns, a ttl of 6 h, one tie in a hundred.
"""
import sys

import duckdb

MAKE = """
SET preserve_insertion_order = true;
COPY (SELECT (hash(i) % 1000)::INTEGER AS k,
             TIMESTAMP '2024-01-01' + to_seconds(((i - i % 100 // 99) * 3)::BIGINT % 31000000) AS t,
             (hash(i + 1) % 100000) / 7.0 AS a, (hash(i + 2) % 1000)::INTEGER AS b
      FROM range(10000000) r(i)) TO 'source.parquet' (FORMAT parquet);
COPY (SELECT i AS id, (hash(i + 3) % 1000)::INTEGER AS k,
             TIMESTAMP '2024-01-01' + to_seconds((hash(i + 4) % 31000000)::BIGINT) AS event_timestamp
      FROM range(1000000) r(i)) TO 'spine.parquet' (FORMAT parquet);
"""
ASOF = """
COPY (SELECT s.id, s.k, s.event_timestamp, CASE WHEN f.t >= s.event_timestamp - INTERVAL 6 HOUR THEN f.a END AS a,
             CASE WHEN f.t >= s.event_timestamp - INTERVAL 6 HOUR THEN f.b END AS b
      FROM 'spine.parquet' s ASOF LEFT JOIN 'source.parquet' f ON s.k = f.k AND s.event_timestamp >= f.t)
TO 'asof.parquet' (FORMAT parquet);
"""
# The tie's winner is the greatest a, then b: settled before the join, one row for each key and time.
LAW = """
COPY (SELECT s.id, s.k, s.event_timestamp, CASE WHEN f.t >= s.event_timestamp - INTERVAL 6 HOUR THEN f.v.a END AS a,
             CASE WHEN f.t >= s.event_timestamp - INTERVAL 6 HOUR THEN f.v.b END AS b
      FROM 'spine.parquet' s ASOF LEFT JOIN
           (SELECT k, t, max(struct_pack(a := a, b := b)) AS v FROM 'source.parquet' GROUP BY k, t) f
           ON s.k = f.k AND s.event_timestamp >= f.t ORDER BY s.id)
TO 'law.parquet' (FORMAT parquet);
"""
COMPARE = """
SELECT count(*), count(*) FILTER (o.a IS DISTINCT FROM l.a OR o.b IS DISTINCT FROM l.b), count(o.a)
FROM 'ours.parquet' o JOIN 'law.parquet' l USING (id)
"""

if sys.argv[1] == "compare":
    rows, wrong, matched = duckdb.sql(COMPARE).fetchall()[0]
    sys.exit(not (rows == 1_000_000 and wrong == 0 and matched > 100_000))
duckdb.sql({"make": MAKE, "asof": ASOF, "law": LAW}[sys.argv[1]])
