SELECT l.removed FROM layer l WHERE l.name = ?1
