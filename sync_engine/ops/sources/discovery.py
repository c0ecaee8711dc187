"""Discover: the companies a login can see, as one YAML each that share the login and take turns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from sync_engine.config import ERP_SOURCE, NAME, SourceConfig
from sync_engine.errors import ConfigurationError
from sync_engine.ops.runs.source_run import open_connector
from sync_engine.ports import Clock, DiscoversCompanies
from sync_engine.records import FoundCompany


class Company(NamedTuple):
    """A company that was found. `path` is its YAML when one was written; `why` says what kept it from being written."""

    environment: str
    company: str
    company_id: str
    version: str
    outcome: Literal["written", "would be written", "configured", "skipped"]
    source: str | None
    path: str | None
    why: str


def discover(
    config: SourceConfig, configs: Mapping[str, SourceConfig], folder: Path, clock: Clock, *, write: bool
) -> list[Company]:
    """Every company of the login of `config`; with `write`, a YAML for each that can be entered and is not configured yet.

    Nothing that exists is overwritten. Raises ConfigurationError when this connector cannot look for companies.
    """
    connector = open_connector(config, clock)
    try:
        if not isinstance(connector, DiscoversCompanies):
            raise ConfigurationError(
                f"connector {config.connector} cannot look for companies",
                whose=config.source,
                todo="Write its YAML by hand.",
            )
        found = connector.discover()
        owners = [_configured(configs, config, connector, one) for one in found]
    finally:
        connector.close()
    taken, companies = set(configs), []
    for one, owner in zip(found, owners, strict=True):
        if owner or one.closed:
            companies.append(
                Company(
                    one.environment,
                    one.name,
                    one.id,
                    one.version,
                    "configured" if owner else "skipped",
                    owner,
                    None,
                    "" if owner else one.closed,
                )
            )
            continue
        name = _name(config.source, one, taken)
        taken.add(name)
        path = folder / name / "defs.yaml"
        if write:
            _write(path, _yaml(config, one, name))
        companies.append(
            Company(
                one.environment,
                one.name,
                one.id,
                one.version,
                "written" if write else "would be written",
                name,
                str(path),
                "",
            )
        )
    return companies


def _configured(
    configs: Mapping[str, SourceConfig],
    config: SourceConfig,
    connector: DiscoversCompanies,
    one: FoundCompany,
) -> str | None:
    """The source that reads this company already."""
    return next(
        (
            name
            for name, other in configs.items()
            if other.connector == config.connector and connector.enters(other.connection, one)
        ),
        None,
    )


def _name(base: str, one: FoundCompany, taken: set[str]) -> str:
    """A source name from the company's: lower case and plain, the environment only where it is needed to tell two apart."""
    plain = re.sub(r"[^a-z0-9]+", "_", one.name.casefold()).strip("_") or "company"
    plain = plain if NAME.match(plain) else f"{base}_{plain}"
    candidates = (
        plain[:40],
        f"{plain}_{re.sub(r'[^a-z0-9]+', '_', one.environment.casefold())}"[:40],
        *(f"{plain[:36]}_{n}" for n in range(2, 1000)),
    )
    return next(c.rstrip("_") for c in candidates if c.rstrip("_") not in taken)


def _yaml(config: SourceConfig, one: FoundCompany, name: str) -> dict[str, Any]:
    connection = {**config.connection, **one.connection}
    attributes = config.model_dump(mode="json", exclude_unset=True) | {
        "source": name,
        "connection": connection,
        "pool": config.pool or config.source,
    }
    return {"type": ERP_SOURCE, "attributes": attributes}


def _write(path: Path, body: dict[str, Any]) -> None:
    if path.exists():
        raise ConfigurationError(
            "there is a file already", whose=str(path), todo="Move it away, or correct the source it defines."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(body, sort_keys=False, allow_unicode=True), encoding="utf-8")
