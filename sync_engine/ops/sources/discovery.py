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
from sync_engine.ports import Clock


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
    look = getattr(connector, "discover", None)
    try:
        if look is None:
            raise ConfigurationError(
                f"connector {config.connector} cannot look for companies",
                whose=config.source,
                todo="Write its YAML by hand.",
            )
        found = look()
    finally:
        connector.close()
    taken, companies = set(configs), []
    for one in found:
        owner = _configured(configs, config, one)
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


def _configured(configs: Mapping[str, SourceConfig], config: SourceConfig, one: Any) -> str | None:
    for name, other in configs.items():
        same_place = (
            other.connector == config.connector
            and all(
                other.connection.get(k) == config.connection.get(k)
                for k in ("tenant_id", "base_url", "tenant")
            )
            and (other.connection.get("environment") or "").casefold() == one.environment.casefold()
        )
        company = other.connection.get("company")
        if same_place and (
            one.alone
            if company is None
            else str(company).casefold() in {called.casefold() for called in one.called}
        ):
            return name
    return None


def _name(base: str, one: Any, taken: set[str]) -> str:
    """A source name from the company's: lower case and plain, the environment only where it is needed to tell two apart."""
    plain = re.sub(r"[^a-z0-9]+", "_", one.name.casefold()).strip("_") or "company"
    plain = plain if NAME.match(plain) else f"{base}_{plain}"
    candidates = (
        plain[:40],
        f"{plain}_{re.sub(r'[^a-z0-9]+', '_', one.environment.casefold())}"[:40],
        *(f"{plain[:36]}_{n}" for n in range(2, 1000)),
    )
    return next(c.rstrip("_") for c in candidates if c.rstrip("_") not in taken)


def _yaml(config: SourceConfig, one: Any, name: str) -> dict[str, Any]:
    connection = {
        **config.connection,
        "company": one.id,
        **({"environment": one.environment} if one.environment else {}),
    }
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
