"""Registration and VAT numbers: their labels, prefixes and branches levelled, and which of them can be one at all.

What a number must look like in its country is python-stdnum's knowledge, asked only when two numbers differ.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import Literal

from sync_engine.canonical.countries import country_of
from sync_engine.matching.text import level_digits

Kind = Literal["registration", "vat"]
KINDS: tuple[Kind, ...] = ("registration", "vat")
VAT_PREFIX = {"EL": "GR", "XI": "GB"}
VAT_COUNTRIES = frozenset((
    "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL",
    "NO", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
))  # fmt: skip
SPOKEN = re.compile(r"\b(Y-TUNNUS|P\.? ?IVA|PARTITA IVA|N[°º]|SE-(NR|NUMMER)\b\.?)", re.IGNORECASE)
"""Labels that are more than one word of letters, and whose parts alone are something else."""
LABELS = (
    "ABN", "ACN", "ALV", "BTW", "CIF", "CNPJ", "COMPANY", "CRN", "CVR", "DIC", "EIN", "ENTERPRISE", "FEIN", "FIRMENNUMMER", "ICO", "ID", "IVA", "KBO", "KRS",
    "KVK", "MOMS", "MOMSREGISTRERINGSNUMMER", "MWST", "NIF", "NIP", "NO", "NR", "NUMBER", "NUMMER", "ORG", "ORGANISASJONSNUMMER", "ORGANISATIONSNUMMER",
    "REG", "REGISTRATION", "REGON", "SIREN", "SIRET", "STNR", "TAX", "TIN", "TVA", "UEN", "UID", "UST", "VAT",
)  # fmt: skip
BEHIND = ("ALV", "BTW", "FORETAKSREGISTERET", "HR", "IVA", "MOMS", "MVA", "MWST", "TVA", "VAT")
LABELLED = re.compile(
    rf"^(?!NO\d{{9}}(MVA|$))({'|'.join(LABELS)})+(?=\d|[A-Z]{{2}}\w?\d)|(?<=\d)({'|'.join(BEHIND)})+$"
)
"""Labels before and behind a number; `NO 999 888 777` is a Norwegian number, `No. 31415926` a label."""
WITHIN: dict[str | None, tuple[str, ...]] = {
    "SE": (r"^16(\d\d[2-9]\d{7})$", r"^(\d{10})\d\d$"), "FR": (r"^\w\w(\d{9})$", r"^(\d{9})\d{5}$"), "GB": (r"^(\d{9})\d{3}$",), "NL": (r"^(\d{9})B\d\d$",),
}  # fmt: skip
"""The legal entity inside a number: of a Swedish VAT number and one written with its century, of a French VAT number and the number of an
establishment, of a branch of a British VAT group and of a Dutch one."""
COURT_NUMBER = r"(HR[AB]|GNR|VR|PR)\d+[A-Z]?"
"""A German register number, which many companies have, each at another court."""
JUNK_NUMBERS = frozenset(("12345", "123456", "1234567", "12345678", "123456789", "1234567890", "987654321"))
CHECKED: dict[str | None, str] = {
    "BE": "be.vat 10", "CH": "ch.uid 9", "DK": "dk.cvr 8", "FI": "fi.ytunnus 8", "FR": "fr.siren 9", "NO": "no.orgnr 9", "SE": "se.orgnr 10",
}  # fmt: skip
"""Countries where a company has one number for register and VAT: the check of stdnum and the digits there are, leading zeros included."""
CHECKED_VAT: dict[str | None, str] = {
    "AT": "at.uid 9", "DE": "de.vat 9", "ES": "es.nif 9", "GB": "gb.vat 9", "GR": "gr.vat 9", "IT": "it.iva 11", "LU": "lu.tva 8", "PL": "pl.nip 10",
    "PT": "pt.nif 9",
}  # fmt: skip
"""Where only VAT numbers can be checked: a register number there may be of a kind that nobody describes."""


@lru_cache(maxsize=1 << 17)
def official_number(number: str | None, country: str | None) -> tuple[str | None, str] | None:
    """(country, digits and letters) of the legal entity that a registration or VAT number names; None for what identifies nobody.

    Labels (`CVR-nr.`, `Org.nr`, `... MVA`), the `.0` of a spreadsheet, prefixes, branches and leading zeros fall away, so that a VAT
    number and the registration number it is made of give the same. Blank, zeros, 12345678 and HRB 4711 identify nobody.
    """
    if not number:
        return None
    bare = _without_labels(number)
    if re.fullmatch(COURT_NUMBER, bare):
        return None
    where, bare = _country_and_rest(bare, country_of(country))
    for part in WITHIN.get(where, ()):
        bare = re.sub(part, r"\1", bare)
    bare = bare.lstrip("0")
    if sum(c.isdigit() for c in bare) < 5 or len(set(bare)) < 2 or bare in JUNK_NUMBERS:
        return None
    return where, bare


def is_sound(kind: Kind, where: str | None, bare: str) -> bool:
    """Whether a levelled number can be one, by its check digits; what nobody can check is believed."""
    check = CHECKED.get(where) or (CHECKED_VAT.get(where) if kind == "vat" else None)
    if check is None:
        return True
    module, digits = check.split()
    return bool(import_module(f"stdnum.{module}").is_valid(bare.zfill(int(digits))))


def _without_labels(number: str) -> str:
    said = re.sub(r"^(\s*\d+)\.0\s*$", r"\1", level_digits(number))
    return LABELLED.sub("", re.sub("[^0-9A-Z]", "", SPOKEN.sub("", said).upper()))


def _country_and_rest(bare: str, where: str | None) -> tuple[str | None, str]:
    if re.match(r"CHE\d", bare):
        return "CH", bare[3:]
    if re.fullmatch(r"SE\d{8}", bare) and where in (None, "DK"):
        return "DK", bare[2:]  # a Danish SE-nummer: Swedish VAT numbers have twelve digits
    if bare[:2] in VAT_COUNTRIES and re.match(r"..\w?\d", bare):
        return VAT_PREFIX.get(bare[:2], bare[:2]), bare[2:]
    return where, bare
