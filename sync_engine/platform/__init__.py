"""What the engine stands on: the home folder, the database server, the system clock, the migrations.

Nothing here knows an ERP or a table. Settings are read from the environment when a function is called, never at import,
and no `.env` file is loaded behind anybody's back.
"""
