-- A checkpoint of the engine must know whose log it continues: an id that only this database has.
ALTER TABLE head ADD COLUMN database_id uuid NOT NULL DEFAULT gen_random_uuid();
