-- Why a metric has no value.
CREATE FUNCTION canonical.metric_status(metric text, value numeric)
RETURNS text
LANGUAGE sql IMMUTABLE AS $$
SELECT CASE WHEN value IS NOT NULL THEN NULL WHEN metric = 'dso_count_back' THEN 'insufficient history'
            WHEN metric IN ('dso_simple', 'best_possible_dso', 'avg_days_delinquent') THEN 'no sales in the period' ELSE 'nothing to measure' END
$$;
