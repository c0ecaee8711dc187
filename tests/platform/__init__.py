"""What the engine stands on: home, database server, migrations, clock."""
