-- What layers bring in that is not in `introduced` yet. Entries of one layer lie a page apart in that index, so that
-- writing them was most of what storing a layer cost; here they are one row, and go into the index together with
-- those of other layers. As in 0004 PostgreSQL has a trigger in place of the foreign key. A row of this table is
-- locked by whoever moves it, so it goes first: what was moved meanwhile is in the index then.
CREATE TABLE introduced_pending (
  layer_id BIGINT NOT NULL PRIMARY KEY REFERENCES layer (id) ON DELETE CASCADE,
  -- Ascending numbers: src/effective.rs.
  feature_versions BLOB NOT NULL
) WITHOUT ROWID;
/*postgres
ALTER TABLE introduced_pending DROP CONSTRAINT IF EXISTS introduced_pending_layer_id_fkey;
CREATE OR REPLACE FUNCTION forget_introduced() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN
     DELETE FROM introduced_pending WHERE layer_id = OLD.id;
     DELETE FROM introduced WHERE layer_id = OLD.id;
     RETURN NULL;
   END';
*/
