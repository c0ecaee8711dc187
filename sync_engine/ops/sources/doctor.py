"""The doctor: looks at one source from setting to permission and says what a consultant would want to know. Reads no records."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from sqlalchemy import Engine

from sync_engine.config import SourceConfig, settings_of
from sync_engine.errors import StoreError, SyncError
from sync_engine.lake import Lake
from sync_engine.ops.runs.environment import open_store
from sync_engine.ops.runs.lake_verification import verify
from sync_engine.ops.runs.source_run import open_connector, open_normaliser
from sync_engine.platform.home import lake_url
from sync_engine.platform.object_store import failures_of_files, file_system
from sync_engine.plugins import connector_plugin
from sync_engine.ports import Clock, Connector
from sync_engine.stages.deliver import WRONG_ENVIRONMENT, elsewhere
from sync_engine.stages.source_run import (
    CLOCKS_AGREE,
    IS_NEW,
    ahead_of,
    fields_read,
    offered_by,
    other_company,
    wrong_clock,
)
from sync_engine.stages.written import written
from sync_engine.store.db import transaction
from sync_engine.store.landing import offers
from sync_engine.store.queries import source_status

Verdict = Literal["well", "degraded", "ill", "unknown"]


class Finding(NamedTuple):
    """One thing looked at. `todo` is what a person can do; `exit_code` that of the error behind it, 0 without one."""

    about: str
    verdict: Verdict
    detail: str
    todo: str = ""
    exit_code: int = 0


class Examination(NamedTuple):
    """Everything found about one source."""

    source: str
    findings: list[Finding]

    @property
    def verdict(self) -> Verdict:
        """The worst of it."""
        verdicts = {f.verdict for f in self.findings}
        return "ill" if "ill" in verdicts else "degraded" if "degraded" in verdicts else "well"

    @property
    def exit_code(self) -> int:
        """That of the first thing that is ill; 0 when nothing is."""
        return next((f.exit_code or 1 for f in self.findings if f.verdict == "ill"), 0)


def place() -> list[Finding]:
    """The database and the lake of this installation; every landed file is compared with the manifest."""
    database, lake = _asked("database", lambda: _database()), _asked("lake", lambda: _lake(lake_url()))
    return [database, lake, *_landed(is_readable=database.verdict == lake.verdict == "well")]


def examine(config: SourceConfig, clock: Clock, store: Engine | None = None) -> Examination:
    """Settings, secrets, login, what the login may read, whether the portfolio's dimension exists; with a store, what is missing since."""
    return Examination(config.source, list(_findings(config, clock, store)))


def _findings(config: SourceConfig, clock: Clock, store: Engine | None) -> Iterator[Finding]:
    missing = list(missing_secrets(config.connection))
    yield (
        Finding("secrets", "ill", f"not there: {', '.join(missing)}", "Set them where the engine runs.", 2)
        if missing
        else Finding("secrets", "well", _where(config.connection))
    )
    settings = _asked("settings", lambda: _settings(config))
    yield settings
    if missing or settings.verdict == "ill":
        yield Finding("login", "unknown", "not tried: first mend what is above")
        return
    try:
        connector = open_connector(config, clock)
    except SyncError as error:
        yield _ill("settings", error)
        return
    try:
        yield from _installation(config, connector, store)
    finally:
        connector.close()


def _installation(config: SourceConfig, connector: Connector, store: Engine | None) -> Iterator[Finding]:
    try:
        probe = connector.probe()
    except SyncError as error:
        yield _ill("login", error)
        return
    yield Finding("login", "well", f"{probe.product} {probe.version}, company {probe.company}")
    capable = {capability.name for capability in probe.capabilities}
    for name, fact in probe.facts.items():
        if name.replace("_", " ") not in capable:
            yield Finding(name.replace("_", " "), "well", fact)
    for capability in probe.capabilities:
        yield Finding(
            capability.name,
            "well" if capability.available else "degraded",
            capability.detail,
            capability.consequence,
        )
    ahead = ahead_of(connector)
    if ahead is not None and abs(ahead) > CLOCKS_AGREE:
        yield Finding(
            "clock",
            "ill",
            wrong_clock(ahead),
            "Set the clock of this machine; pins and freshness go by it.",
            2,
        )
    yield from _nobody(
        connector, {capability.name for capability in probe.capabilities if not capability.available}
    )
    yield _asked("portfolio dimension", lambda: _dimension(config, connector))
    if config.is_written:
        yield _asked("writing", lambda: _writing(config, connector))
    if store is not None:
        yield from _missing(config, connector, store)
        yield from _noted(config, store)


def _writing(config: SourceConfig, connector: Connector) -> Finding | str:
    """What would be written back; nothing is, to find out. Raises ConfigurationError."""
    fields = written(config, connector, open_normaliser(config))
    said = "; ".join(f"{entity}: {', '.join(names) or 'nothing'}" for entity, names in fields.items())
    if why := elsewhere(config):
        return Finding("writing", "degraded", f"{said}; {why}", WRONG_ENVIRONMENT)
    return said


def _missing(config: SourceConfig, connector: Connector, store: Engine) -> Iterator[Finding]:
    """What was offered at an earlier run and is not now, and another company behind the same name."""
    try:
        with transaction(store, "reading what was offered") as connection:
            known = offers.remembered(connection, config.source)
        offered, read = offered_by(connector), fields_read(open_normaliser(config), connector.streams)
        found = offers.compare(known, offered, connector.streams, read)
    except SyncError as error:
        yield _ill("what was offered before", error)
        return
    if found.other_company:
        yield _ill("company", other_company(config.source, found.other_company, offered.company))
    for entity, why in found.missing.items():
        yield Finding(
            entity,
            "ill",
            why,
            f"Mend it at the source, or, if it is meant: sync-engine sources accept {config.source}.",
            3,
        )
    for entity in found.new:
        yield Finding(entity, "well", IS_NEW, f"The next run reads it: sync-engine run {config.source}.")


def _noted(config: SourceConfig, store: Engine) -> Iterator[Finding]:
    """What the last run found odd and went on with: stamps from the future, clocks that differ."""
    try:
        with transaction(store, "reading what the last run noted") as connection:
            entities = source_status.entities(connection, config.source)
    except SyncError as error:
        yield _ill("what the last run noted", error)
        return
    for entity in entities:
        if entity.note:
            yield Finding(f"last run of {entity.entity}", "degraded", entity.note)


def _nobody(connector: Connector, unreadable: set[str]) -> Iterator[Finding]:
    """Without its debtors nothing of a source is published: that is no degree of health."""
    debtors = [
        name
        for name, stream in connector.streams.items()
        if stream.canonical == "debtor" and not stream.facet
    ]
    if debtors and unreadable.issuperset(debtors):
        yield Finding(
            "debtors",
            "ill",
            f"{', '.join(debtors)} cannot be read: nothing is published without its debtor",
            f"See the line of {debtors[0]}.",
            4,
        )


def _dimension(config: SourceConfig, connector: Connector) -> Finding | str:
    codes = dimension_codes(config, connector)
    listed = ", ".join(codes) or "none"
    if config.portfolio is None:
        return Finding(
            "portfolio dimension",
            "degraded",
            "none is chosen: there will be no portfolios",
            f"Dimensions the ERP has: {listed}.",
        )
    if config.portfolio.field is not None:
        return f"the debtor's field {config.portfolio.field} makes the portfolios (dimensions the ERP has: {listed})"
    wanted = config.portfolio.dimension
    if wanted not in codes:
        return Finding(
            "portfolio dimension",
            "ill",
            f"the ERP has no dimension {wanted!r}",
            f"It has: {listed}. Correct portfolio.dimension.",
            2,
        )
    return f"{wanted} (the ERP has: {listed})"


def dimension_codes(config: SourceConfig, connector: Connector) -> list[str]:
    """The codes of the dimensions the ERP has now."""
    normaliser = open_normaliser(config)
    codes: set[str] = set()
    for entity, stream in connector.streams.items():
        if stream.canonical == "dimension" and not stream.facet:
            for batch in connector.pull(entity, None):
                drafts = normaliser.normalise(entity, [(r.key, r.payload) for r in batch.records]).drafts
                codes.update(str(d.values["code"]) for d in drafts if d.values.get("code"))
    return sorted(codes)


def missing_secrets(settings: Any) -> Iterator[str]:
    """References (`env:NAME`, `file:/path`) in settings that lead nowhere."""
    if isinstance(settings, dict):
        for value in settings.values():
            yield from missing_secrets(value)
    elif isinstance(settings, str):
        kind, _, where = settings.partition(":")
        if kind == "env" and where and not os.environ.get(where.strip(), "").strip():
            yield f"environment variable {where.strip()}"
        elif kind == "file" and where and not os.access(where.strip(), os.R_OK):
            yield f"file {where.strip()}"


def _where(settings: Any) -> str:
    found = [str(v) for v in _texts(settings) if v.startswith(("env:", "file:"))]
    return ", ".join(found) or "none are needed"


def _texts(settings: Any) -> Iterator[str]:
    if isinstance(settings, dict):
        for value in settings.values():
            yield from _texts(value)
    elif isinstance(settings, str):
        yield settings


def _settings(config: SourceConfig) -> str:
    settings_of(connector_plugin(config.connector).settings, config.connection, f"{config.source} connection")
    open_normaliser(config)
    return "connection and mapping are valid"


def _database() -> str:
    store = open_store()
    store.dispose()
    return "answers, tables are at the newest version"


def _lake(root: str) -> str:
    if "://" not in root:
        folder = Path(root)
        while not folder.exists():
            folder = folder.parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StoreError(
                f"the lake {root} cannot be written",
                todo="Give the engine's user the folder, or set SYNC_ENGINE_LAKE.",
            )
        return f"{root} can be written"
    system, path = file_system(f"{root.rstrip('/')}/.doctor-{uuid4().hex}")
    try:
        with failures_of_files():
            with system.open(path, "wb") as out:
                out.write(b"x")
            system.rm(path)
    except OSError as error:
        raise StoreError(
            f"the lake cannot be written ({error.strerror})",
            todo="Check SYNC_ENGINE_LAKE and its credentials.",
        ) from error
    return "can be written"


def _landed(*, is_readable: bool) -> Iterator[Finding]:
    """What `sync-engine lake verify` finds."""
    if not is_readable:
        yield Finding("landed files", "unknown", "not compared: first mend what is above")
        return
    store = open_store()
    try:
        found = verify(store, Lake(lake_url()))
    except SyncError as error:
        yield _ill("landed files", error)
        return
    finally:
        store.dispose()
    yield from (_ill("landed files", one.failure(one.damage or "")) for one in found.damaged)
    said = f"{found.files:,} files, {len(found.damaged):,} damaged and needed, {len(found.lost):,} damaged and not needed, {len(found.orphans):,} of no batch"
    if not found.damaged:
        yield Finding("landed files", "well", said)


def _asked(about: str, question: Callable[[], Finding | str]) -> Finding:
    try:
        answer = question()
    except SyncError as error:
        return _ill(about, error)
    return answer if isinstance(answer, Finding) else Finding(about, "well", answer)


def _ill(about: str, error: SyncError) -> Finding:
    return Finding(
        about,
        "ill",
        " ".join(p for p in (error.key, error.what) if p) if error.key not in error.what else error.what,
        error.todo,
        error.exit_code,
    )
