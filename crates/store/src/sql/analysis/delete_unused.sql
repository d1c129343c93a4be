DELETE FROM analysis
WHERE id IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each(?1))
  AND NOT EXISTS (SELECT 1 FROM layer l WHERE l.analysis_id = analysis.id)
