"""The database's edge: pool, named SQL, migrations, the head row, LISTEN/NOTIFY. Imports nothing of ours."""
