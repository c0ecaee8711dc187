"""Every failure of a database said in our exception tree, one function a library. What a database says itself may hold values of
rows, so it is never repeated: only its code is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import exc

from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    PermissionMissing,
    SourceError,
    SyncError,
    TransientError,
    Unreachable,
)

LOGIN = {"28000", "28P01", "1045", "1251", "1698", "18456", "1820", "1862"}
RIGHTS = {"42501", "1044", "1142", "1143", "1370", "229", "230"}
WRITES = {"25006", "1792", "1290"}
NO_DATABASE = {"3D000", "1049", "4060"}
NO_TABLE = {"42P01", "3F000", "1146", "208"}
NO_COLUMN = {"42703", "1054", "207"}
TWICE = {"42702", "1060", "8156"}
STATEMENT = {"42601", "42883", "42804", "42846", "42P02", "1064", "1305", "102", "156"}
BUSY = re.compile(
    r"^(08|40|53|55|57|58)|^(1040|1053|1205|1213|1226|1317|1927|1969|2006|2013|2055|3024|3960|1222)$"
)
NOBODY = {"08001", "2002", "2003", "2005", "HYT00"}
"""No connection came about: nobody listens, or the name is not known."""
_NOBODY = re.compile(
    r"refused|timeout expired|timed out|name or service|translate host|resolve host|no address|no route|unreachable",
    re.IGNORECASE,
)
NO_SNAPSHOT = {"3952"}
_LITE = (
    ("is locked", "busy"),
    ("no such table", "table"),
    ("no such column", "column"),
    ("ambiguous column", "twice"),
    ("unable to open", "file"),
    ("not a database", "file"),
    ("malformed", "file"),
    ("readonly", "write"),
    ("syntax error", "statement"),
    ("incomplete input", "statement"),
    ("no such function", "statement"),
)
"""What SQLite's messages begin or end with; it has few codes."""


def code_of(original: BaseException | None) -> str:
    """The code a driver's exception carries: the vendor's number, or the SQLSTATE. Empty where it has none."""
    first = next(iter(getattr(original, "args", ())), None)
    if isinstance(first, tuple):
        first = next(iter(first), None)
    if isinstance(first, int):
        return str(first)
    for name in ("sqlstate", "pgcode", "sqlite_errorname"):
        if said := getattr(original, name, None):
            return str(said)
    return ""


def from_sqlalchemy(error: exc.SQLAlchemyError, *, whose: str, key: str, what: str) -> SyncError:
    """SQLAlchemy's exception as ours; `what` is the table or query that was read."""
    if isinstance(error, exc.NoSuchModuleError | exc.ArgumentError):
        return ConfigurationError(
            "SQLAlchemy knows no such database, driver or isolation level",
            whose=whose,
            key=key,
            todo="Correct `url` or `isolation`, or install the package that brings the dialect.",
        )
    if isinstance(error, exc.TimeoutError):
        return TransientError("no connection was to be had in time", whose=whose, key=key)
    if not isinstance(error, exc.DBAPIError):
        return SourceError(
            f"SQLAlchemy cannot read this ({type(error).__name__})",
            whose=whose,
            key=key,
            todo="Look at the table or query that is declared.",
        )
    code = code_of(error.orig)
    if code.startswith("SQLITE") or code == "":
        return _said(_lite(str(error.orig)), code, whose=whose, key=key, what=what) or _unknown(
            error, code, whose, key
        )
    return _said(_kind(code), code, whose=whose, key=key, what=what) or _unknown(error, code, whose, key)


def from_duckdb(error: Exception, *, whose: str, key: str, what: str) -> SyncError:
    """DuckDB's exception as ours."""
    import duckdb

    kinds: tuple[tuple[type[Exception], str], ...] = (
        (duckdb.IOException, "file busy"),
        (duckdb.CatalogException, "table"),
        (duckdb.BinderException, "column"),
        (duckdb.ParserException, "statement"),
        (duckdb.InterruptException, "busy"),
        (duckdb.OutOfMemoryException, "busy"),
    )
    kind = next((kind for of, kind in kinds if isinstance(error, of)), "")
    if isinstance(error, duckdb.InvalidInputException) and "read-only" in str(error):
        kind = "write"
    if kind == "file busy" and "does not exist" in str(error):
        kind = "file"
    return _said(kind, type(error).__name__, whose=whose, key=key, what=what) or SourceError(
        f"DuckDB refuses ({type(error).__name__})",
        whose=whose,
        key=key,
        todo=f"Try {what} in DuckDB itself; its own message may hold values of rows and is not repeated here.",
    )


def no_driver(url: str, error: ImportError, whose: str) -> ConfigurationError:
    """That the driver a URL asks for is not installed."""
    return ConfigurationError(
        f"the driver {error.name or 'of the database'} is not installed",
        whose=whose,
        key="url",
        todo=f"Install it where the engine runs (`pip install {error.name or 'it'}`), or name another driver in the URL: {url.split(':')[0]}.",
    )


@contextmanager
def translated(whose: str, key: str, what: str) -> Iterator[None]:
    """Raises our errors for whatever the database or its driver raises inside."""
    import duckdb

    try:
        yield
    except exc.SQLAlchemyError as error:
        raise from_sqlalchemy(error, whose=whose, key=key, what=what) from None
    except duckdb.Error as error:
        raise from_duckdb(error, whose=whose, key=key, what=what) from None
    except (OSError, EOFError) as error:
        raise TransientError(f"the connection broke ({type(error).__name__})", whose=whose, key=key) from None
    except UnicodeError:
        raise SourceError(
            "sends text that is not in the encoding it declares",
            whose=whose,
            key=key,
            todo="Look at the database's character set, or read the column as bytes in a query.",
        ) from None


def _kind(code: str) -> str:
    for kind, codes in (
        ("login", LOGIN),
        ("rights", RIGHTS),
        ("write", WRITES),
        ("database", NO_DATABASE),
        ("table", NO_TABLE),
        ("column", NO_COLUMN),
        ("twice", TWICE),
        ("statement", STATEMENT),
        ("snapshot", NO_SNAPSHOT),
        ("nobody", NOBODY),
    ):
        if code in codes:
            return kind
    return "busy" if BUSY.search(code) else ""


def _lite(message: str) -> str:
    """The kind of what has no code: SQLite's, and a connection that never came about."""
    found = next((kind for words, kind in _LITE if words in message), "")
    if found:
        return found
    if re.search(
        r"authentication|no password supplied|not permitted to log in|role .* does not exist|pg_hba", message
    ):
        return "login"
    if re.search(r"database .* does not exist", message):
        return "database"
    if re.match("connection (failed|timeout|to server)|failed to resolve", message) and _NOBODY.search(
        message
    ):
        return "nobody"
    return "busy" if re.search(r"connect|timed? ?out|closed|terminat", message, re.IGNORECASE) else ""


def _said(kind: str, code: str, *, whose: str, key: str, what: str) -> SyncError | None:
    told = f" ({code})" if code else ""
    if kind == "nobody":
        return Unreachable(
            f"no connection to the database came about{told}",
            whose=whose,
            key=key,
            todo="See whether it runs, the host and port in `url`, the network and the firewall.",
        )
    return _answered(kind, told, whose=whose, key=key, what=what)


def _answered(kind: str, told: str, *, whose: str, key: str, what: str) -> SyncError | None:
    """What a database that is there says."""
    match kind:
        case "login":
            return AuthenticationFailed(
                f"the login was refused{told}",
                whose=whose,
                key=key,
                todo="Check the user in `url`, and what `password` refers to.",
            )
        case "rights":
            return PermissionMissing(
                f"the login may not read {what}{told}", whose=whose, key=key, todo="Grant it SELECT."
            )
        case "write":
            return ConfigurationError(
                f"{what} wants to write, and the session is read only{told}",
                whose=whose,
                key=key,
                todo="Declare a statement that only reads.",
            )
        case "database":
            return ConfigurationError(
                f"there is no such database{told}", whose=whose, key=key, todo="Correct `url`."
            )
        case "table":
            return ConfigurationError(
                f"there is no {what}, or it names a table that is not there{told}",
                whose=whose,
                key=key,
                todo="Correct `table` or `query`, with the schema in front where it needs one.",
            )
        case "column":
            return ConfigurationError(
                f"{what} names a column that is not there{told}",
                whose=whose,
                key=key,
                todo="Correct the query.",
            )
        case "twice":
            return ConfigurationError(
                f"{what} has two columns of one name{told}",
                whose=whose,
                key=key,
                todo="Name the columns apart: SELECT a.id AS invoice_id, ...",
            )
        case "statement":
            return ConfigurationError(
                f"the database does not understand {what}{told}",
                whose=whose,
                key=key,
                todo="Try it there first; it is read as SELECT ... FROM (<query>) AS q.",
            )
        case "snapshot":
            return ConfigurationError(
                f"the database does not allow SNAPSHOT{told}",
                whose=whose,
                key="isolation",
                todo="ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON, or leave `isolation` out.",
            )
        case "file":
            return SourceError(
                f"the database file cannot be opened{told}",
                whose=whose,
                key=key,
                todo="Mount or create it, or correct `url`; nothing was deleted.",
            )
        case "busy" | "file busy":
            return TransientError(f"the database did not answer, or broke off{told}", whose=whose, key=key)
    return None


def _unknown(error: exc.DBAPIError, code: str, whose: str, key: str) -> SyncError:
    told = f"{type(error.orig).__name__}{f' {code}' if code else ''}"
    return SourceError(
        f"the database refuses ({told})",
        whose=whose,
        key=key,
        todo="Try the table or query there; the database's own message may hold values of rows and is not repeated here.",
    )


def driver_said(error: BaseException) -> Any:
    """The driver's own exception behind SQLAlchemy's."""
    return getattr(error, "orig", error)
