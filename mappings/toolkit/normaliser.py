"""The loop every mapping of shapes shares: payloads become rows of a mapping model, rows become drafts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from mappings.toolkit.rows import Reader, Refused, Row, table, wire_name_of, wire_names
from mappings.toolkit.shapes import Shape
from mappings.toolkit.version import mapping_version
from sync_engine.errors import ConfigurationError, MappingFailed, RecordError
from sync_engine.ports import Normalised

ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What code that finishes a row raises over a value that nobody foresaw: it costs its record."""


class ShapeNormaliser:
    """Raw records of the wire entities in `shapes` -> drafts. Mapping models are compiled when first needed.

    `version` is what `mapping_version` says. Raises `ConfigurationError` where an alias names a field that its model has not.
    """

    def __init__(self, source: str, version: str, shapes: Mapping[str, Shape]) -> None:
        self.source, self.version = source, version
        self._shapes = shapes
        self._readers: dict[str, Reader] = {}
        self._check_aliases()

    @property
    def entities(self) -> tuple[str, ...]:
        """The wire entities it can map."""
        return tuple(self._shapes)

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        """Maps (key, payload) pairs of one wire entity; raises `ConfigurationError` for an entity it does not know."""
        if entity not in self._shapes:
            raise ConfigurationError(
                f"has no mapping for the wire entity {entity}",
                whose=self.source,
                todo="Known: " + ", ".join(self._shapes),
            )
        out, finish = Normalised(), self._shapes[entity].finish
        for key, row in self._reader(entity).rows(records):
            if isinstance(row, RecordError):
                out.failed.append((key, row))
                continue
            try:
                finish(key, row, out)
            except Refused as refused:
                out.failed.append((key, self._failed(entity, key, refused, row)))
            except ODD as odd:
                what = f"one of its values is of a kind that cannot be used ({type(odd).__name__})"
                out.failed.append((key, self._failed(entity, key, Refused("", what), row)))
        return out

    def reads(self, entity: str) -> frozenset[str]:
        """The fields on the wire that the mapping reads of an entity."""
        shape = self._shapes[entity]
        return wire_names(
            table(shape.model, shape.model.__name__, aliases=shape.aliases, custom=shape.custom)
        )

    def writes(self, entity: str) -> Mapping[str, str]:
        """The fields that can be said to the source, with what they are called there."""
        if entity not in self._shapes:
            return {}
        shape = self._shapes[entity]
        own = wire_name_of(shape.model)
        names = {**{name: own[name] for name in shape.written if name in own}, **shape.aliases}
        found = {name: names.get(name, name.removeprefix("custom.")) for name in shape.written}
        return {name: said for name, said in found.items() if not said.startswith("@")}

    def to_wire(self, entity: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as wire fields."""
        names, written = self.writes(entity), self._shapes[entity].written
        return {names[name]: written[name](value) for name, value in values.items()}

    def _check_aliases(self) -> None:
        for entity, shape in self._shapes.items():
            unknown = sorted(set(shape.aliases) - set(shape.model.__annotations__))
            if unknown:
                raise ConfigurationError(
                    f"the mapping of {entity} names unknown fields: {', '.join(unknown)}",
                    whose=self.source,
                    todo="Known: " + ", ".join(shape.model.__annotations__),
                )

    def _failed(self, entity: str, key: str, refused: Refused, row: Row) -> MappingFailed:
        return MappingFailed(
            refused.what, field=refused.field, whose=f"{self.source} {entity}", key=key, readable=row
        )

    def _reader(self, entity: str) -> Reader:
        if entity not in self._readers:
            shape = self._shapes[entity]
            model = table(shape.model, shape.model.__name__, aliases=shape.aliases, custom=shape.custom)
            self._readers[entity] = Reader(model, f"{self.source} {entity}")
        return self._readers[entity]


@dataclass(frozen=True)
class ShapePlugin:
    """What an entry point of group `sync_engine.mappings` resolves to: the package `mappings.<package>`, its settings and its shapes."""

    package: str
    settings: type[BaseModel]
    shapes: Callable[[Any], Mapping[str, Shape]]

    def normaliser(self, source: str, settings: Any) -> ShapeNormaliser:
        """The normaliser of one source; `settings` is an instance of `self.settings`."""
        return ShapeNormaliser(source, mapping_version(self.package, settings), self.shapes(settings))
