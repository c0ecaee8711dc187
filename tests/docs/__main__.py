"""Writes the generated pages of `docs/`: `python -m tests.docs`, or `make docs`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sync_engine.platform import migrate
from sync_engine.platform.postgres import EmbeddedPostgres
from tests.docs import configuration, reader_contract

DOCS = Path(__file__).resolve().parents[2] / "docs"


def main() -> None:
    """Both pages; the schema is read from a database that is made for it and removed."""
    (DOCS / "configuration.md").write_text(configuration.page(), encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="se-docs-") as folder:
        Path(folder).chmod(0o711)  # as root the server's account must walk through
        server = EmbeddedPostgres(Path(folder))
        try:
            server.start()
            url = server.url("postgres")
            migrate.upgrade(url)
            (DOCS / "reader-contract.md").write_text(reader_contract.page(url), encoding="utf-8")
        finally:
            server.remove()


if __name__ == "__main__":
    main()
