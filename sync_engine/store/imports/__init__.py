"""One-time imports in the store: a file's rows in a temporary table, named records found set by set, decisions written and undone.

`rows` loads and finds out who is meant, `kinds` what each kind of file says, `applying` writes decisions with what was there
before, `undoing` puts that back. Nothing here asks a statement per row.
"""

from sync_engine.store.imports.apply import Applied, apply_rows
from sync_engine.store.imports.kinds import decide_rows
from sync_engine.store.imports.reversal import Done, Left, made, undo
from sync_engine.store.imports.rows import Outcome, load_rows, outcomes

__all__ = [
    "Applied",
    "Done",
    "Left",
    "Outcome",
    "apply_rows",
    "decide_rows",
    "load_rows",
    "made",
    "outcomes",
    "undo",
]
