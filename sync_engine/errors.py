"""The exception tree; the class says what the caller must do.

    SyncError
      ConfigurationError       stop; a person must change a setting
      TransientError           nothing was lost; ask again
        RateLimited            the same, not before `retry_after` seconds
        CursorExpired          the same, for everything
        Unreachable            nothing at all was heard: ask again later, not at once
      SourceError              stop this entity, others carry on
        AuthenticationFailed   the login itself was refused
        PermissionMissing      the login lacks a permission
        ProtocolViolation      the other side broke its own rules
      RecordError              quarantine this record, carry on
        Unreadable             it came damaged or without a usable key
        MappingFailed          the payload does not fit the mapping model
        ParentMissing          the record it belongs to is not known (yet)
        AmbiguousMatch         several canonical records fit; nothing is guessed
      StoreError               stop, roll back
        LandedFileDamaged      what needs this batch waits, others carry on

Constructors take data and compose the sentence: what, whose, which key, what to do next. No constructor accepts a
payload, a token or a full URL, so that none of them can reach a log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class SyncError(Exception):
    """Root of everything this engine raises on purpose."""

    exit_code = 1

    def __init__(self, what: str, *, whose: str = "", key: str = "", todo: str = "") -> None:
        self.what, self.whose, self.key, self.todo = what, whose, key, todo
        where = " ".join(p for p in (whose, key) if p)
        sentence = f"{where}: {what}" if where else what
        super().__init__(f"{sentence.rstrip('.')}. {todo}".strip() if todo else sentence)


class ConfigurationError(SyncError):
    """A setting is wrong; only a person can mend it. Exit code 2."""

    exit_code = 2


class TransientError(SyncError):
    """The other side could not answer now; nothing was lost. Exit code 75 (try again)."""

    exit_code = 75


class RateLimited(TransientError):
    """The other side asks for a pause of `retry_after` seconds (None: it did not say)."""

    def __init__(
        self, what: str, *, retry_after: float | None = None, whose: str = "", key: str = "", todo: str = ""
    ) -> None:
        super().__init__(what, whose=whose, key=key, todo=todo or "The engine waits and asks again.")
        self.retry_after = retry_after


class CursorExpired(TransientError):
    """The source no longer knows what changed since a cursor. Raised by a pull before its first batch; everything is read again then."""


class Unreachable(TransientError):
    """Nothing at all was heard of the other side, for `waited` seconds of asking: to ask again at once is of no use."""

    def __init__(
        self, what: str, *, waited: float = 0.0, whose: str = "", key: str = "", todo: str = ""
    ) -> None:
        super().__init__(
            what,
            whose=whose,
            key=key,
            todo=todo or "See whether it runs, its address, the network and the firewall.",
        )
        self.waited = waited


class SourceError(SyncError):
    """This entity cannot be read; others carry on. Exit code 3."""

    exit_code = 3


class AuthenticationFailed(SourceError):
    """The login was refused; a person must look at the credential."""

    exit_code = 4


class PermissionMissing(SourceError):
    """The login works but may not read or write this."""

    exit_code = 4


class ProtocolViolation(SourceError):
    """The other side answered something its protocol does not allow."""


class RecordError(SyncError):
    """One record cannot be used; it is quarantined and its neighbours go on."""


class Unreadable(RecordError):
    """What came of the record cannot be read as one: damaged text, no key, lines that were not to be had."""

    def __init__(self, what: str, *, whose: str, key: str) -> None:
        super().__init__(
            what,
            whose=whose,
            key=key,
            todo="Correct the record in the source; it is tried again when it comes otherwise.",
        )


class MappingFailed(RecordError):
    """The payload does not fit the mapping model; `field` is the first one that failed.

    `readable` are canonical fields of the record that could be read nevertheless. No sentence tells them.
    """

    def __init__(
        self,
        what: str,
        *,
        field: str = "",
        whose: str = "",
        key: str = "",
        todo: str = "",
        readable: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(
            what,
            whose=whose,
            key=key,
            todo=todo
            or "Correct the record in the source, or the mapping; it is tried again when either changes.",
        )
        self.field = field
        self.readable: Mapping[str, object] = readable or {}


class ParentMissing(RecordError):
    """The record belongs to `parent_entity` `parent_key`, which is not known (yet)."""

    def __init__(self, *, whose: str, key: str, parent_entity: str, parent_key: str) -> None:
        super().__init__(
            f"its {parent_entity} {parent_key} is not known",
            whose=whose,
            key=key,
            todo=f"It is tried again as soon as that {parent_entity} arrives; see whether it is excluded or quarantined.",
        )
        self.parent_entity, self.parent_key = parent_entity, parent_key


class AmbiguousMatch(RecordError):
    """Several canonical records fit; nothing is written."""

    def __init__(self, *, whose: str, key: str, rung: str, candidates: Iterable[str]) -> None:
        self.candidates = tuple(sorted(candidates))
        super().__init__(
            f"{len(self.candidates)} canonical records match by {rung}",
            whose=whose,
            key=key,
            todo="Link it by hand: " + ", ".join(self.candidates[:5]),
        )


class IdentityInDoubt(RecordError):
    """A key may have been given to another company; nothing moves until a person says so."""

    def __init__(self, by: str, *, whose: str, key: str, before: str = "") -> None:
        if before:
            what = f"is new, and looks like {before}, which is gone: it may have got another number"
            todo = f"Link {key} to the debtor of {before}, or say that they are not the same; then release it from quarantine."
        else:
            what = f"has another {by} than before: the number may have been given to somebody else"
            todo = "Where it is the same company, release it from quarantine; else first unlink what other systems linked to it."
        super().__init__(what, whose=whose, key=key, todo=todo)


class StoreError(SyncError):
    """The canonical store failed; the transaction was rolled back. Exit code 5."""

    exit_code = 5


class LandedFileDamaged(StoreError):
    """A file of the lake is not what was landed; `damage` says what is wrong with it. What needs it waits, others carry on."""

    def __init__(self, what: str, *, damage: str, whose: str = "", key: str = "", todo: str = "") -> None:
        super().__init__(what, whose=whose, key=key, todo=todo)
        self.damage = damage
