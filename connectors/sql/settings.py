"""What an installation declares about its database: how it is reached, which table or query is which entity, what names a row."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from connectors.toolkit.declared import CompanyFacts
from connectors.toolkit.settings import SecretRef, Strict, Timeouts, TimeZone
from sync_engine.canonical.declared import SPEAKABLE, heading, spoken_of

Meaning = Literal["text", "number", "date", "instant", "local time", "unix seconds", "unix milliseconds"]
"""What a column holds, where the database does not say it or says something else."""
SECRETS = ("password", "passwd", "pwd", "passphrase", "secret", "token", "sslpassword")


class DeletedRows(Strict):
    """Which rows are marked as deleted: those whose column says something, and does not say 0, no or false, or one of `values`."""

    column: str = Field(description="column with the mark: a flag, a code, or the instant of the deletion")
    values: tuple[str, ...] = Field(
        (),
        description="what it says of a deleted row. Left out: anything but blank, 0, no, false or a zero date",
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": ["string", "integer", "boolean"]}, handler(schema)]}

    @model_validator(mode="before")
    @classmethod
    def _plain_column(cls, given: object) -> object:
        return {"column": heading(given)} if isinstance(given, str | int | bool) else given

    @field_validator("values", mode="before", json_schema_input_type=tuple[str | int | bool, ...])
    @classmethod
    def _words(cls, given: object) -> object:
        return tuple(heading(value) for value in given) if isinstance(given, list | tuple) else given


class WriteStatement(Strict):
    """How a row is changed: one statement, with what is bound to it. It changes one row or none."""

    statement: str = Field(
        description="an UPDATE or a call. `:key` is the key of the row (`:key_1`, `:key_2` where several columns are), `:version` what `changed` or "
        "`version` said when the row was read, `:NAME` what a column should say, `:was_NAME` what it said. It must not change a row that says "
        "something else than `:version` or `:was_NAME`, and should set `changed`, or the row comes back with the daily sweep only"
    )
    columns: dict[str, str] = Field(
        min_length=1, description="NAME in the statement -> the column, as it is called when it is read"
    )

    @model_validator(mode="after")
    def _binds_what_it_needs(self) -> WriteStatement:
        if odd := [
            n
            for n in self.columns
            if not re.fullmatch(r"[a-z][a-z0-9_]*", n) or n in ("key", "version") or n.startswith("was_")
        ]:
            raise ValueError(
                f"{', '.join(odd)} cannot be bound; use lower case letters, digits and underscores"
            )
        bound = self.bound
        if missing := sorted(set(self.columns) - bound):
            raise ValueError(f"the statement binds no :{', :'.join(missing)}")
        if not any(name == "key" or name.startswith("key_") for name in bound):
            raise ValueError("the statement binds no :key, so it would change every row")
        if not any(name == "version" or name.startswith("was_") for name in bound):
            raise ValueError(
                "the statement binds no :version and no :was_NAME, so it would write over what others changed meanwhile"
            )
        return self

    @property
    def bound(self) -> set[str]:
        """The names that the statement binds."""
        names = "|".join(map(re.escape, sorted(self.columns, key=len, reverse=True)))
        return set(
            re.findall(rf"(?<![:\w\\]):(key_\d+|key|version|was_(?:{names})|{names})\b", self.statement)
        )


class EntityRows(Strict):
    """The rows of one entity: a table or view, or a query."""

    table: str | None = Field(None, description="table or view, `name` or `schema.name`")
    query: str | None = Field(
        None,
        description="a SELECT instead of a table. It is read as a part of a larger statement, so it ends in no semicolon and needs no ORDER BY",
    )
    parameters: dict[str, str | int | bool] = Field(
        default_factory=dict, description="values of `:name` in the query, bound, never put into its text"
    )
    key: tuple[str, ...] = Field(
        min_length=1, description="the column, or the columns together, that name a row for ever"
    )
    key_prefix: str = Field("", description="put before every key, where two tables number their rows alike")
    changed: str | None = Field(
        None,
        description="column with the instant of the last change. Where it may be null, use a query with COALESCE: a row without comes with "
        "the daily sweep only. Without `changed` and `version` everything is read each time",
    )
    version: str | None = Field(
        None, description="column with a number that grows with every change, instead of `changed`"
    )
    overlap_minutes: float = Field(
        15, ge=0, description="how far the next read goes back: as long as a transaction there may take"
    )
    overlap_versions: int = Field(1000, ge=0, description="the same for `version`")
    deleted: DeletedRows | None = Field(
        None, description="column that marks deleted rows, where they stay in the table"
    )
    debtor: str | None = Field(
        None, description="column with the key of the debtor a row belongs to; lets one debtor be read alone"
    )
    types: dict[str, Meaning] = Field(
        default_factory=dict,
        description="column -> what it holds, where the database's own type does not tell",
    )
    write: WriteStatement | None = Field(
        None,
        description="how a row is changed, for what is `writable`. Only then is the database ever told to change anything; the login needs the right",
    )

    @field_validator("key", mode="before", json_schema_input_type=str | int | tuple[str | int, ...])
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return tuple(map(heading, value)) if isinstance(value, list | tuple) else (heading(value),)

    @field_validator("changed", "version", "debtor", mode="before")
    @classmethod
    def _column(cls, value: object) -> object:
        return heading(value)

    @field_validator("query")
    @classmethod
    def _one_statement(cls, value: str | None) -> str | None:
        return None if value is None else value.strip().rstrip(";").strip()

    @model_validator(mode="after")
    def _is_one_thing(self) -> EntityRows:
        if (self.table is None) == (self.query is None):
            raise ValueError("name a table or a query, one of them")
        if self.changed is not None and self.version is not None:
            raise ValueError("name a column for `changed` or for `version`, one of them")
        if self.parameters and self.query is None:
            raise ValueError("parameters are for a query")
        if (
            self.write is not None
            and "version" in self.write.bound
            and self.changed is None
            and self.version is None
        ):
            raise ValueError(
                "write: the statement binds :version, and there is no column for `changed` or `version`"
            )
        return self


class Settings(Strict):
    """One database, whatever product is behind it."""

    url: str = Field(
        description="SQLAlchemy's URL without a password: postgresql+psycopg://reader@erp.example.com/erp, mariadb+pymysql://..., "
        "mssql+pymssql://..., sqlite:///erp.db, duckdb:///erp.duckdb. A driver that is not there has to be installed"
    )
    password: SecretRef | None = Field(None, description="The password that belongs to the user in the URL.")
    entities: dict[str, EntityRows] = Field(
        min_length=1,
        description="by canonical entity, if need be with a word behind it: document_credit_notes",
    )
    company: CompanyFacts | None = Field(None, description="for a source that keeps books of its own")
    time_zone: TimeZone = Field(
        "UTC",
        description="zone of the instants that are kept without one, such as DATETIME columns; Europe/Copenhagen",
    )
    isolation: str | None = Field(
        None,
        description="the database's own word for an isolation level. Left out: REPEATABLE READ where a read is then a snapshot "
        "(PostgreSQL, MariaDB, MySQL), elsewhere what the database does by itself; SNAPSHOT is the word for SQL Server",
    )
    fetch: int = Field(5000, ge=1, le=50_000, description="rows fetched at once")
    timeouts: Timeouts = Timeouts()

    @field_validator("url")
    @classmethod
    def _has_no_secret(cls, value: str) -> str:
        try:
            parsed = make_url(value)
        except (ArgumentError, ValueError):
            # `from None`: the parser's own message repeats the URL, and with it a password.
            raise ValueError(
                "cannot be read; it begins like postgresql+psycopg://user@host/database"
            ) from None
        if parsed.password is not None or any(
            word in key.casefold() for key in parsed.query for word in SECRETS
        ):
            raise ValueError(
                "has a password in it; take it out, and name it under `password` as env:NAME or file:/path"
            )
        return value

    @model_validator(mode="after")
    def _speaks_of_something(self) -> Settings:
        unknown = [name for name in self.entities if spoken_of(name) is None]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: an entity begins with one of {', '.join(SPEAKABLE)}")
        if self.company is not None and "company" in self.entities:
            raise ValueError("company: declared here and read from the database; leave one out")
        return self

    @property
    def address(self) -> URL:
        """The URL with its password, which is fetched now. Raises ConfigurationError where it is not to be had."""
        parsed = make_url(self.url)
        return parsed if self.password is None else parsed.set(password=self.password.resolve())

    @property
    def product(self) -> str:
        """The database's name in the URL, without the driver."""
        return make_url(self.url).get_backend_name()
