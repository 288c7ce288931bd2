-- The newest days of the window, on which a challenger is judged against the champion.
FROM 'data/features.parquet'
WHERE date >= $end - to_days($holdout_days::INTEGER)
