"""Countries as people write them: `DK`, `Danmark`, `Dänemark`, `Tanska` and `Danemark` are one. Names come from ISO's own list, pycountry.

The list is read when the first country in words is met; two letters need no list.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

LANGUAGES = ("da", "de", "sv", "nb_NO", "nl", "fi", "fr")
"""What the systems we read speak, besides English."""
OTHER_LETTERS = {"UK": "GB", "EL": "GR", "XI": "GB"}
"""What is written for a country instead of its ISO code: in everyday life, and before VAT numbers."""
BESIDES = {
    "america": "US", "britain": "GB", "cape verde": "CV", "coree du sud": "KR", "eire": "IE", "england": "GB", "great britain": "GB",
    "grossbritannien": "GB", "hollanti": "NL", "iso britannia": "GB", "ivory coast": "CI", "kosova": "XK", "kosovo": "XK", "macedonia": "MK",
    "nederlandene": "NL", "northern ireland": "GB", "republic of ireland": "IE", "rusland": "RU", "russia": "RU", "russie": "RU",
    "russland": "RU", "ryssland": "RU", "scotland": "GB", "south korea": "KR", "sudkorea": "KR", "sydkorea": "KR", "turkey": "TR",
    "tyrkiet": "TR", "vatican": "VA", "venaja": "RU", "wales": "GB",
}  # fmt: skip
"""What ISO's list does not have, or has under another name; Kosovo's code XK is in use and in no standard."""
SPELLED_OUT = str.maketrans(
    {
        "ä": "ae",
        "Ä": "Ae",
        "ö": "oe",
        "Ö": "Oe",
        "ø": "oe",
        "Ø": "Oe",
        "ü": "ue",
        "Ü": "Ue",
        "å": "aa",
        "Å": "Aa",
    }
)
WITHOUT_ISO = frozenset(("XK",))


@lru_cache(maxsize=4096)
def country_of(text: str | None) -> str | None:
    """A country's two letters in capitals, from the code or its name in one of our languages; None for what names no country.

    Two letters are taken as they are, since systems have codes of their own; what is wrong with them `is_country` says.
    """
    if not text:
        return None
    said = text.strip()
    if len(said) == 2 and said.isascii() and said.isalpha():
        return OTHER_LETTERS.get(said.upper(), said.upper())
    level = _levelled(said)
    if len(level) == 2:
        return OTHER_LETTERS.get(level.upper())
    return _named().get(level) or _named().get(level.replace(" ", ""))


def is_country(code: str) -> bool:
    """Whether two letters are the code of a country there is."""
    return code in WITHOUT_ISO or code in _codes()


def _levelled(name: str) -> str:
    """Case, accents, points and articles levelled."""
    level = unicodedata.normalize("NFKD", name.casefold())
    words = re.findall(r"[^\W_]+", "".join(c for c in level if not unicodedata.combining(c)).replace(".", ""))
    return " ".join(words[1:] if words[:1] == ["the"] else words)


@cache
def _codes() -> frozenset[str]:
    import pycountry  # its lists cost 6 MB, which who meets two letters only need not pay

    return frozenset(country.alpha_2 for country in pycountry.countries)


@cache
def _named() -> dict[str, str]:
    """Levelled name -> code: short, official and common names, in every language."""
    return {
        _levelled(spelled): code for name, code in names() for spelled in (name, name.translate(SPELLED_OUT))
    } | BESIDES


def names() -> Iterator[tuple[str, str]]:
    """Every name of every country in our languages, and its three letters, with its code."""
    import gettext

    import pycountry

    told: list[Callable[[str], str]] = [
        str,
        *(
            gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[lang]).gettext
            for lang in LANGUAGES
        ),
    ]
    for country in pycountry.countries:
        yield country.alpha_3, country.alpha_2
        for kind in ("name", "official_name", "common_name"):
            if name := getattr(country, kind, None):
                yield from ((tell(name), country.alpha_2) for tell in told)
