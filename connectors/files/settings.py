"""What an installation declares about its files: where they are, how they are written, what names a row."""

from __future__ import annotations

import codecs
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from connectors.toolkit.declared import CompanyFacts
from sync_engine.canonical.declared import SPEAKABLE, column_identity, heading, spoken_of

Format = Literal["csv", "tsv", "excel", "parquet", "ndjson"]
ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xls": "excel",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
}


Listed = Literal["meant", "other", "end"]
"""A row that is a record, one that is none, and one below which there are none."""


class MeantRows(BaseModel):
    """Which rows of a file are meant, by what stands in one column; the others are no records and nothing is said about them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str = Field(description="heading of the column that is looked at")
    not_blank: bool = Field(False, description="rows with something in the column")
    until: str | None = Field(
        None,
        description="rows above the first one that says exactly this, such as Total; case and a colon do not count",
    )

    @field_validator("column", mode="before")
    @classmethod
    def _column(cls, value: object) -> object:
        return heading(value)

    @model_validator(mode="after")
    def _says_something(self) -> MeantRows:
        if not self.not_blank and not _bare(self.until):
            raise ValueError("say not_blank: true, or until: and the word that ends the list")
        return self

    def about(self, cell: str | None) -> Listed:
        """What a row is, with this cell in the column."""
        if _bare(self.until) and _bare(cell) == _bare(self.until):
            return "end"
        return "other" if self.not_blank and not (cell or "").strip() else "meant"


def _bare(text: str | None) -> str:
    return column_identity((text or "").strip().rstrip(":"))


class EntityFiles(BaseModel):
    """The files of one entity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(description="file, folder or pattern such as exports/customers*.csv, below `folder`")
    key: tuple[str, ...] = Field(
        min_length=1, description="the column, or the columns together, that name a row for ever"
    )
    key_prefix: str = Field("", description="put before every key, where two files number their rows alike")
    take: Literal["all", "latest"] = Field(
        "all", description="of several files: all of them together, or the last one by name"
    )
    format: Format | None = Field(None, description="as the ending says, when left out")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="found out, when left out")
    quote: str = Field(
        '"', min_length=1, max_length=1, description="what text with a delimiter in it stands between"
    )
    encoding: str | None = Field(None, description="UTF-8, else Windows' Western European, when left out")
    header: tuple[str, ...] | None = Field(
        None, description="names of the columns, where the file has no heading"
    )
    skip: int = Field(0, ge=0, description="lines above the heading, such as a title; for csv, tsv and excel")
    rows: MeantRows | None = Field(
        None, description="which rows are meant, where there are others, such as a Total below"
    )
    sheet: str | None = Field(None, description="the first one, when left out")
    modified: str | None = Field(None, description="column with the instant of the last change, ISO 8601")
    debtor: str | None = Field(
        None, description="column with the key of the debtor a row belongs to; lets one debtor be read alone"
    )
    may_be_empty: bool = Field(False, description="no rows is a statement, not a broken delivery")

    @field_validator("key", mode="before", json_schema_input_type=str | int | tuple[str | int, ...])
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return tuple(map(heading, value)) if isinstance(value, list | tuple) else (heading(value),)

    @field_validator("modified", "debtor", mode="before")
    @classmethod
    def _column(cls, value: object) -> object:
        return heading(value)

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                codecs.lookup(value)
            except LookupError:
                raise ValueError(
                    f"there is no encoding {value!r}; use a name such as utf-8, cp1252 or latin-1"
                ) from None
        return value

    @model_validator(mode="after")
    def _skips_lines(self) -> EntityFiles:
        told = self.format or next(
            (kind for ending, kind in ENDINGS.items() if self.path.casefold().endswith(ending)), None
        )
        if self.skip and told in ("parquet", "ndjson"):
            raise ValueError(f"skip: a {told} file has no lines above a heading; leave it out")
        return self


class Settings(BaseModel):
    """One source of files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str = Field(".", description="where the paths below start; relative to where the engine runs")
    entities: dict[str, EntityFiles] = Field(
        min_length=1,
        description="by canonical entity, if need be with a word behind it: document_credit_notes",
    )
    company: CompanyFacts | None = Field(None, description="for a source that keeps books of its own")

    @model_validator(mode="after")
    def _speaks_of_something(self) -> Settings:
        unknown = [name for name in self.entities if spoken_of(name) is None]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: an entity begins with one of {', '.join(SPEAKABLE)}")
        if self.company is not None and "company" in self.entities:
            raise ValueError("company: declared here and read from a file; leave one out")
        return self
