"""A terminal that obeys nobody but the engine: what is printed is text, neither markup nor control characters."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from sync_engine.platform.outside_text import for_terminal


class Terminal(Console):
    """Rich's console, in which `[red]` in a name is a name, and an escape sequence is shown and not obeyed."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints as rich does. Markup is off unless it is asked for."""
        options.setdefault("markup", False)
        super().print(*(for_terminal(o) if isinstance(o, str) else o for o in objects), **options)
