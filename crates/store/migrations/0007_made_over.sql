-- What something was made over, so that one sees later whether that has changed.
-- Of a layer: a hash over the analysis versions of the layers below it, where one of them was another than
-- its own; null where all were the same, and for layers stored before.
ALTER TABLE layer ADD COLUMN below TEXT;
-- Of a vulnerability: the fixes of the feed's record that it stands in for, as `fixed_in` has them. What differs
-- in the two is a caller's. Null where there was no such record, and for rows written before.
ALTER TABLE vulnerability ADD COLUMN feed_fixes TEXT;
