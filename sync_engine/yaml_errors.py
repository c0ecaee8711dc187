"""What is wrong with a YAML, in a sentence a person can act on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from sync_engine.errors import ConfigurationError


def sentence(error: ValidationError, whose: str, model: type[BaseModel] | None = None) -> ConfigurationError:
    """A pydantic complaint as one sentence per key, without the values (which may be secrets).

    With the model that was asked, a key that it does not have is told beside the nearest one, or beside all there are.
    """
    parts = [
        f"{'.'.join(map(str, e['loc'])) or 'settings'}: {_why(e, model)}"
        for e in error.errors(include_input=False, include_url=False)
    ]
    return ConfigurationError("; ".join(parts), whose=whose, todo="Correct the YAML.")


def _why(error: Any, model: type[BaseModel] | None) -> str:
    known = _keys(model, error["loc"]) if model and error["type"] == "extra_forbidden" else []
    if not known:
        return str(error["msg"]).removeprefix("Value error, ")
    near = get_close_matches(str(error["loc"][-1]), known, n=1)
    return (
        f"there is no such key; did you mean {near[0]}?"
        if near
        else f"there is no such key; there are {', '.join(known)}"
    )


def _keys(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The keys of the model in which the last step of `place` is none; nothing where that cannot be told."""
    here = [model]
    for step in place[:-1]:
        fields = [x.model_fields[step] for x in here if isinstance(step, str) and step in x.model_fields]
        if fields:
            here = [below for field in fields for below in _models(field.annotation)]
    return sorted({field.alias or name for x in here for name, field in x.model_fields.items()})


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation: in a list, a mapping, or beside null."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models(part)
