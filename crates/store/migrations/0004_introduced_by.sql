-- Rows of `introduced` are made by the transaction that makes their layer, or that holds its lock, and gone with
-- it: PostgreSQL looked the layer up for each of them, half of what storing a layer cost. What the foreign key
-- did on deletion a trigger does. SQLite only looks it up, and cannot drop it.
/*postgres
CREATE OR REPLACE FUNCTION forget_introduced() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN DELETE FROM introduced WHERE layer_id = OLD.id; RETURN NULL; END';
DROP TRIGGER IF EXISTS forget_introduced ON layer;
CREATE TRIGGER forget_introduced AFTER DELETE ON layer FOR EACH ROW EXECUTE FUNCTION forget_introduced();
ALTER TABLE introduced DROP CONSTRAINT IF EXISTS introduced_layer_id_fkey;
*/
