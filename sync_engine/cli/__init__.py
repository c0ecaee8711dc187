"""The command line `sync-engine`: thin over `ops` and `stages`, one module a group of commands.

A command asks one function of `ops` and hands the answer to `output`, which prints it for people or, with --json, as one
document with stable keys. Heavy things are imported inside the commands, so that `--help` answers at once.
"""

from sync_engine.cli.app import main

__all__ = ["main"]
