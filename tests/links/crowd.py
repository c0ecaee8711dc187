"""Debtors of two systems with known truth: duplicates as people type them, and strangers that look like friends.

The ERP holds single firms, chains (one company, many towns), groups (many companies, one VAT number, one switchboard), clients of
bookkeepers (one mail domain and phone) and namesakes. One in ten of the CRM's records is a debtor of the ERP under noise: typing
errors, other spellings, lost or spelled-out legal forms, numbers lost, given again or miscopied, moved offices, new phones. The
others are strangers, a third of them traps. Both count their customers from 10000, and where the CRM does, a number says nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from itertools import count
from typing import Any, NamedTuple

Record = dict[str, Any]
STEMS = (
    "Hansen", "Møller", "Søndergård", "Jørgensen", "Krause", "Schäfer", "Bianchi", "Rossi", "Nowak", "Lindström", "Dubois", "García", "O'Brien",
    "Ångström", "Weiß", "Nielsen", "Kjær", "Østergaard", "Bæk", "Petersen", "Thomsen", "Winther", "Bruun", "Frandsen", "Müller", "Schmidt", "Köhler",
    "Jäger", "Böhm", "Fuchs", "Wolff", "Ferrari", "Romano", "Greco", "Conti", "Kowalski", "Wiśniewski", "Zieliński", "Andersson", "Håkansson",
    "Sjöberg", "Lefèvre", "Moreau", "Girard", "Fernández", "Muñoz", "Murphy", "McCarthy", "Smith", "Brown", "Nordlys", "Baltica", "Polaris", "Orion",
    "Atlas", "Vega", "Delta", "Kronos",
)  # fmt: skip
TRADES = (
    "Transport", "Byg", "Elektro", "Handel", "Maskiner", "Papier", "Textil", "Vin", "Foods", "Print", "Data", "Auto", "Møbler", "Kaffe", "Logistik",
    "Optik", "Stahl", "Bau", "VVS", "Tømrer", "Maler", "Gulve", "Glas", "Kloak", "Anlæg", "Frugt", "Fisk", "Kød", "Bageri", "Apotek", "Spedition",
    "Verpackung", "Werkzeug", "Elektronik", "Immobilien", "Reisen", "Druck", "Mode", "Schuhe", "Spielwaren", "Garten", "Energi", "Vind", "Sol",
    "Software", "Consulting", "Rengøring", "Vagt", "Catering", "Hotel",
)  # fmt: skip
SECOND = (
    "Nord", "Syd", "Øst", "Vest", "City", "Havn", "Berg", "Rhein", "Alpen", "Fjord", "Roma", "Lyon", "Porto", "Kraków", "Park", "Group",
    "International", "Partner", "Service", "Engros", "Teknik", "Center",
)  # fmt: skip
FORMS = {
    "DK": ("A/S", "ApS", "I/S"),
    "DE": ("GmbH", "AG", "KG"),
    "IT": ("S.p.A.", "S.r.l."),
    "SE": ("AB", "HB"),
    "FR": ("SARL", "SAS"),
    "GB": ("Ltd", "PLC"),
}
SPELLED_OUT = {
    "A/S": "Aktieselskab",
    "ApS": "Anpartsselskab",
    "Ltd": "Limited",
    "AB": "Aktiebolag",
    "AG": "Aktiengesellschaft",
}
SPELLED = {"ø": "oe", "æ": "ae", "å": "aa", "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ø": "Oe", "Å": "Aa"}
PROVIDERS = ("gmail.com", "hotmail.com", "mail.dk", "lokalnet.dk", "fibernord.dk")
"""Where strangers have their mail; nobody told the engine of the last two."""
REGISTERS = {
    "DK": ("dk.cvr", 8),
    "SE": ("se.orgnr", 10),
    "FR": ("fr.siren", 9),
    "GB": ("", 8),
    "DE": ("", 8),
    "IT": ("", 8),
}
TAXES = {
    "DK": ("dk.cvr", 8),
    "SE": ("se.orgnr", 10),
    "FR": ("fr.siren", 9),
    "GB": ("gb.vat", 9),
    "DE": ("de.vat", 9),
    "IT": ("it.iva", 11),
}
"""What checks a country's register and VAT numbers, and their digits: numbers that are in use have the check digits they must have."""
NEXT_TO = {"a": "s", "e": "r", "i": "o", "o": "p", "n": "m", "t": "y", "s": "d", "r": "t", "l": "k", "d": "f"}


class Crowd(NamedTuple):
    """What the ERP and the CRM hold, and which CRM record is which ERP debtor. `twins` are CRM keys that several ERP debtors fit alike."""

    erp: dict[str, Record]
    crm: dict[str, Record]
    truth: dict[str, str]
    twins: set[str]

    def judge(self, linked: Mapping[str, str], cases: Mapping[str, str]) -> Judged:
        """What links (CRM key -> ERP key) and cases (CRM key -> ambiguous or vetoed) are worth."""
        wrong = {crm: erp for crm, erp in linked.items() if self.truth.get(crm) != erp}
        clear, listed = (
            set(self.truth) - self.twins,
            {key for key in self.truth if cases.get(key) == "ambiguous"},
        )
        missed = set(self.truth) - set(linked) - listed
        found = (len(clear & set(linked)) / len(clear), 1 - len(missed) / len(self.truth))
        return Judged(
            len(linked),
            wrong,
            1 - len(wrong) / max(len(linked), 1),
            round(found[0], 4),
            round(found[1], 4),
            self.twins - listed,
            missed,
        )


class Judged(NamedTuple):
    """Links against the truth. `recall` is of duplicates that one debtor fits; `listed_or_linked` of all; `missed` found nothing."""

    linked: int
    wrong: dict[str, str]
    precision: float
    recall: float
    listed_or_linked: float
    unlisted_twins: set[str]
    missed: set[str]


def crowd(debtors: int, seed: int = 4) -> Crowd:
    """As many debtors in each system."""
    return _Maker(random.Random(seed)).crowd(debtors)


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng, self._official = rng, count(31_000_007, 7)
        self._numbers: dict[tuple[str, int], Iterator[str]] = {}
        self._domains: set[str] = set()
        self._bookkeepers = [(f"bogholder{n}.dk", f"+45 {70_000_000 + n * 13:08d}") for n in range(400)]

    def crowd(self, debtors: int) -> Crowd:
        erp: list[Record] = []
        chains: dict[int, int] = {}
        outside: list[Record] = []
        while len(erp) < debtors:
            chance = self.rng.random()
            if chance < 0.015:
                branches = self._chain()
                chains |= dict.fromkeys(range(len(erp), len(erp) + len(branches)), len(branches))
                erp += branches
            elif chance < 0.03:
                *companies, absent = self._group()
                erp += companies
                outside.append(absent)
            elif chance < 0.05 and erp:
                erp.append(self._namesake(self.rng.choice(erp)))
            else:
                erp.append(self.firm())
        for n, record in enumerate(erp):
            record["number"] = f"{10000 + n}"
        known = {f"E{n}": record for n, record in enumerate(erp)}
        return self._crm(debtors, known, chains, outside)

    def _crm(self, size: int, erp: dict[str, Record], chains: dict[int, int], outside: list[Record]) -> Crowd:
        made, truth, twins = Crowd(erp, {}, {}, set()), {}, set()
        duplicates = self.rng.sample(range(len(erp)), size // 10)
        for n in range(size):
            key = f"C{n}"
            if n % 10:
                made.crm[key] = self._stranger(
                    self.rng.choice(tuple(TRAPS)) if self.rng.random() < 0.33 else "", erp, outside
                )
            else:
                of = duplicates[n // 10]
                truth[key] = f"E{of}"
                made.crm[key] = self._noisy(erp[f"E{of}"], erp)
                if (
                    of in chains
                    and made.crm[key]["number"] != erp[f"E{of}"]["number"]
                    and not made.crm[key]["external_number"]
                ):
                    made.crm[key] |= {
                        "registration_no": erp[f"E{of}"]["registration_no"],
                        "country": erp[f"E{of}"]["country"],
                    }
                    twins.add(key)
            if made.crm[key]["number"] is None:
                counts_too = self.rng.random() < 0.2 and made.crm[key]["name"] != erp[f"E{n}"]["name"]
                made.crm[key]["number"] = f"{10000 + n}" if counts_too else f"K-{n}"
        return made._replace(truth=truth, twins=twins)

    def firm(self) -> Record:
        """A firm of its own."""
        rng = self.rng
        country = rng.choice(tuple(FORMS))
        bare = f"{rng.choice(STEMS)} {rng.choice(TRADES)}" + (
            f" {rng.choice(SECOND)}" if rng.random() < 0.7 else ""
        )
        if rng.random() < 0.15:
            bare = f"{rng.choice(STEMS)} & {bare}"
        official, chance = next(self._official), rng.random()
        record = {
            "number": None, "external_number": None, "name": f"{bare} {rng.choice(FORMS[country])}", "country": country,
            "registration_no": self._registered(country) if rng.random() < 0.6 else None, "vat_no": self._taxed(country) if rng.random() < 0.6 else None,
            "email": f"mail@{self._domain(bare, country)}", "phone": f"+45 {rng.randrange(20_000_000, 69_999_999)}", "postcode": self._postcode(),
            "status": "active",
        }  # fmt: skip
        if chance < 0.03:
            domain, phone = rng.choice(self._bookkeepers)
            record |= {"email": f"{official}@{domain}", "phone": phone}
        elif chance < 0.15:
            record["email"] = f"{official % 1_000_000}.firma@{rng.choice(PROVIDERS)}"
        elif chance < 0.25:
            record["email"] = None
        return record

    def _registered(self, country: str) -> str:
        """The next number of a country's register."""
        return next(self._numbers.setdefault(REGISTERS[country], _sound(*REGISTERS[country])))

    def _taxed(self, country: str) -> str:
        """The next VAT number of a country."""
        bare = next(self._numbers.setdefault(TAXES[country], _sound(*TAXES[country])))
        return f"{country}{'12' if country == 'FR' else ''}{bare}{'01' if country == 'SE' else ''}"

    def _chain(self) -> list[Record]:
        """One company in several towns: name, official numbers, switchboard and mail domain in common."""
        head = self.firm()
        head["registration_no"] = head["registration_no"] or self._registered(head["country"])
        domain = self._domain(head["name"], head["country"])
        return [
            {**head, "postcode": self._postcode(), "email": f"butik{n}@{domain}"}
            for n in range(self.rng.randrange(2, 7))
        ]

    def _group(self) -> list[Record]:
        """Several companies under one roof, one VAT number, one switchboard, one mail domain."""
        rng, head = self.rng, self.firm()
        stem, form = head["name"].split()[0], head["name"].split()[-1]
        vat, domain = self._taxed(head["country"]), self._domain(stem, head["country"])
        return [
            {**head, "name": f"{stem} {what} {form}", "vat_no": vat, "email": f"mail@{domain}",
                "registration_no": self._registered(head["country"]) if rng.random() < 0.5 else None}
            for what in ("Holding", *rng.sample(TRADES, rng.randrange(1, 4)))
        ]  # fmt: skip

    def _namesake(self, of: Record) -> Record:
        """Another firm of the same name, in another town."""
        return {
            **self.firm(),
            "name": of["name"],
            "country": of["country"],
            "registration_no": None,
            "vat_no": None,
        }

    def _stranger(self, trap: str, erp: dict[str, Record], outside: list[Record]) -> Record:
        """A debtor the ERP does not have."""
        if trap == "sister":
            return dict(self.rng.choice(outside)) if outside else self.firm()
        return (
            TRAPS[trap](self, self.firm(), erp[f"E{self.rng.randrange(len(erp))}"]) if trap else self.firm()
        )

    def _noisy(self, of: Record, erp: dict[str, Record]) -> Record:
        """The same debtor as somebody else typed it."""
        rng, chance = self.rng, self.rng.random()
        official, vat = of["registration_no"], of["vat_no"]
        if vat and rng.random() < 0.01:
            vat = vat[:-1] + str((int(vat[-1]) + 1) % 10)
        return {
            "number": of["number"] if chance < 0.3 else f"{10000 + rng.randrange(len(erp))}" if chance < 0.32 else None,
            "external_number": of["number"] if 0.32 <= chance < 0.45 else None, "name": self._typed(of["name"]),
            "country": of["country"] if rng.random() < 0.85 else None,
            "registration_no": f"{official[:2]} {official[2:5]} {official[5:]}" if official and rng.random() < 0.5 else None,
            "vat_no": vat.replace(of["country"], rng.choice((of["country"] + " ", of["country"] + "-", of["country"].lower()))) if vat and rng.random() < 0.5
                else None,
            "email": self._mailed(of["email"]), "phone": self._phoned(of["phone"]), "status": "active",
            "postcode": of["postcode"] if (moved := rng.random()) < 0.86 else None if moved < 0.96 else self._postcode(),
        }  # fmt: skip

    def _typed(self, name: str) -> str:
        rng, (bare, form) = self.rng, name.rsplit(" ", 1)
        if rng.random() < 0.5:
            bare = "".join(SPELLED.get(c, c) for c in bare)
        if rng.random() < 0.3:
            bare = bare.replace("&", "og")
        if rng.random() < 0.1:
            bare = self._mistyped(bare)
        chance = rng.random()
        form = (
            ""
            if chance < 0.25
            else SPELLED_OUT.get(form, form)
            if chance < 0.35
            else form.replace("/", "").replace(".", "")
            if chance < 0.6
            else form
        )
        typed = f"{bare} {form}".strip()
        return typed.upper() if rng.random() < 0.3 else typed

    def _mistyped(self, text: str) -> str:
        rng, at = self.rng, self.rng.randrange(1, len(text) - 1)
        return rng.choice((
            text[:at] + text[at + 1 :], text[:at] + text[at] * 2 + text[at + 1 :], text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + NEXT_TO.get(text[at], "e") + text[at + 1 :],
        ))  # fmt: skip

    def _mailed(self, email: str | None) -> str | None:
        chance = self.rng.random()
        if email is None or chance < 0.2:
            return None
        if chance < 0.25:
            return f"{self.rng.randrange(10**6)}@gmail.com"
        return (email.replace("mail@", "faktura@") if chance < 0.8 else email).upper()

    def _phoned(self, phone: str) -> str | None:
        chance = self.rng.random()
        if chance < 0.15:
            return None
        if chance < 0.23:
            return f"+45 {self.rng.randrange(20_000_000, 69_999_999)}"
        return phone.replace("+45 ", "0045" if chance < 0.6 else "")

    def _postcode(self) -> str:
        """Of six hundred, some far more often than others."""
        return f"{1000 + 13 * int(600 * self.rng.random() ** 3)}"

    def _domain(self, name: str, country: str) -> str:
        """A mail domain that nobody has yet."""
        word = "".join(c for c in name.casefold() if c.isalnum() and c.isascii())
        domain = next(
            d for n in count(1) if (d := f"{word}{n if n > 1 else ''}.{country.lower()}") not in self._domains
        )
        self._domains.add(domain)
        return domain


def _sound(module: str, digits: int) -> Iterator[str]:
    """Numbers with the right check digits, in their order; of no module all of them."""
    check = import_module(f"stdnum.{module}").is_valid if module else bool
    return (number for n in count(31 * 10 ** (digits - 2) + 7, 7) if check(number := f"{n}"))


Trap = Callable[[_Maker, Record, Record], Record]
TRAPS: dict[str, Trap] = {
    "sister": lambda make, new, near: new,  # of a group the ERP knows other companies of: the same VAT number, phone, mail domain and postcode
    "its number": lambda make, new, near: {**new, "number": near["number"]},
    "its number and town": lambda make, new, near: {**new, "number": near["number"], "postcode": near["postcode"]},
    "its external number": lambda make, new, near: {**new, "external_number": near["number"]},
    "its number, another official one": lambda make, new, near: {
        **near, "number": near["number"], "registration_no": make._registered(near["country"]), "vat_no": None,
    } if near["registration_no"] else new,
    "another legal form": lambda make, new, near: {
        **near, "name": f"{near['name'].rsplit(' ', 1)[0]} {next(f for f in FORMS[near['country']] if not near['name'].endswith(f))}", "number": None,
        "registration_no": None, "vat_no": None,
    },
    "its name in another town": lambda make, new, near: {**new, "name": near["name"], "country": near["country"], "vat_no": None, "registration_no": None},
    "a branch": lambda make, new, near: {
        **near, "number": None, "registration_no": None, "vat_no": None, "phone": new["phone"] if make.rng.random() < 0.5 else near["phone"],
        "postcode": f"9{new['postcode'][1:]}", "email": near["email"] and near["email"].replace("mail@", "filial@"),
    },
    "another country": lambda make, new, near: {
        **near, "number": None, "registration_no": None, "vat_no": None, "country": next(c for c in FORMS if c != near["country"]),
    },
    "its old phone": lambda make, new, near: {**new, "phone": near["phone"]},
    "its successor": lambda make, new, near: {
        **near, "number": None, "name": f"{near['name'].rsplit(' ', 1)[0]} 2020 {near['name'].rsplit(' ', 1)[1]}", "vat_no": None,
        "registration_no": new["registration_no"] and make._registered(near["country"]),
    },
    "its mailbox": lambda make, new, near: {**new, "email": near["email"], "phone": near["phone"]},
}  # fmt: skip
"""What a stranger has in common with a debtor of the ERP."""
