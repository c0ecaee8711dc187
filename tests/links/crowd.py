"""Debtors of two systems with known truth: duplicates spelled as people spell, and strangers that look like friends."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

Record = dict[str, Any]
STEMS = (
    "Hansen",
    "Møller",
    "Søndergård",
    "Jørgensen",
    "Krause",
    "Schäfer",
    "Bianchi",
    "Rossi",
    "Nowak",
    "Lindström",
    "Dubois",
    "García",
    "O'Brien",
    "van Dijk",
    "Ångström",
    "Weiß",
)
TRADES = (
    "Transport",
    "Byg",
    "Elektro",
    "Handel",
    "Maskiner",
    "Papier",
    "Textil",
    "Vin",
    "Foods",
    "Print",
    "Data",
    "Auto",
    "Møbler",
    "Kaffe",
    "Logistik",
    "Optik",
    "Stahl",
    "Bau",
)
PLACES = ("Nord", "Syd", "Øst", "Vest", "City", "Havn", "Berg", "Rhein", "Alpen", "Fjord", "Roma", "Lyon", "Porto", "Kraków", "Delta", "Park")
FORMS = {"DK": ("A/S", "ApS"), "DE": ("GmbH", "AG"), "IT": ("S.p.A.", "S.r.l."), "SE": ("AB",), "FR": ("SARL", "SAS"), "GB": ("Ltd", "PLC")}
SPELLED = {"ø": "oe", "æ": "ae", "å": "aa", "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}


class Crowd(NamedTuple):
    """What the ERP and the CRM hold, and which CRM record is which ERP debtor. `twins` are CRM keys that two ERP debtors fit."""

    erp: dict[str, Record]
    crm: dict[str, Record]
    truth: dict[str, str]
    twins: set[str]


def crowd(debtors: int, seed: int = 4) -> Crowd:
    """As many debtors in each system; one in ten of the CRM's is an ERP debtor under noise, the others are strangers."""
    rng = random.Random(seed)
    erp = {f"E{n}": _debtor(rng, n) for n in range(debtors)}
    crm: dict[str, Record] = {}
    truth: dict[str, str] = {}
    twins: set[str] = set()
    keys = list(erp)
    for n in range(debtors):
        key = f"C{n}"
        if n % 10:
            crm[key] = _stranger(rng, n, erp[rng.choice(keys)] if n % 5 == 1 else None)
            continue
        truth[key] = f"E{n}"
        crm[key] = _noisy(rng, erp[f"E{n}"], n)
        if n % 400 == 0:  # the ERP holds this debtor twice, by number two accounts of one company
            erp[f"E{n}b"] = {**erp[f"E{n}"], "number": f"{900000 + n}", "registration_no": erp[f"E{n}"]["registration_no"] or f"7{n:07d}9"}
            erp[f"E{n}"]["registration_no"] = erp[f"E{n}b"]["registration_no"]
            crm[key] = {
                **crm[key],
                "number": None,
                "external_number": None,
                "registration_no": erp[f"E{n}"]["registration_no"],
                "vat_no": None,
                "country": erp[f"E{n}"]["country"],
            }
            twins.add(key)
    return Crowd(erp, crm, truth, twins)


def _debtor(rng: random.Random, n: int) -> Record:
    country = rng.choice(tuple(FORMS))
    name = f"{rng.choice(STEMS)} {rng.choice(TRADES)} {rng.choice(PLACES)} {n % 997}"
    domain = "".join(c for c in name.casefold() if c.isalnum() and c.isascii()) + rng.choice((".com", ".eu"))
    return {
        "number": f"{10000 + n}", "name": f"{name} {rng.choice(FORMS[country])}", "country": country,
            "registration_no": f"{31000000 + n * 7}" if rng.random() < 0.7 else None,
        "vat_no": f"{country}{91000000 + n * 11}" if rng.random() < 0.5 else None, "email": f"mail@{domain}" if rng.random() < 0.8 else f"{n}@gmail.com",
        "phone": f"+45 {20000000 + n * 3}", "postcode": f"{1000 + n % 8000}", "status": "active",
    }  # fmt: skip


def _noisy(rng: random.Random, of: Record, n: int) -> Record:
    """The same debtor as somebody else typed it: some identifiers lost, the rest spelled otherwise."""
    name = of["name"]
    if rng.random() < 0.6:
        name = "".join(SPELLED.get(c, c) for c in name)
    if rng.random() < 0.3:
        name = name.upper()
    if rng.random() < 0.3:
        name = name.rsplit(" ", 1)[0]
    keeps = rng.random()
    official = of["registration_no"]
    return {
        "number": of["number"] if keeps < 0.35 else f"K-{n}", "external_number": of["number"] if 0.35 <= keeps < 0.5 else None, "name": name,
            "country": of["country"],
        "registration_no": f"{official[:2]} {official[2:5]} {official[5:]}" if official and keeps > 0.4 and rng.random() < 0.7 else None,
        "vat_no": of["vat_no"] and of["vat_no"].replace(of["country"], of["country"] + " ") if rng.random() < 0.5 else None,
        "email": of["email"].replace("mail@", "faktura@").upper() if rng.random() < 0.8 else None, "phone": of["phone"].replace("+45 ", "0045"),
            "postcode": of["postcode"], "status": "active",
    }  # fmt: skip


def _stranger(rng: random.Random, n: int, near: Record | None) -> Record:
    """A debtor the ERP does not have; `near` gives it the number, or the name in another legal form, of one it has."""
    made = _debtor(rng, n + 5_000_000)
    made["number"] = f"S-{n}"
    if near is None:
        return made
    trap = n % 4
    if trap == 0:
        return {**made, "number": near["number"]}
    if trap == 1:
        form = rng.choice([f for f in FORMS[near["country"]] if not near["name"].endswith(f)] or ["Holding"])
        return {
            **made,
            "name": f"{near['name'].rsplit(' ', 1)[0]} {form}",
            "country": near["country"],
            "email": near["email"],
            "registration_no": f"{81000000 + n}",
        }
    if trap == 2 and near["registration_no"]:
        return {**made, "number": near["number"], "registration_no": f"{82000000 + n}", "name": near["name"]}
    return {**made, "name": near["name"], "country": next(c for c in FORMS if c != near["country"]), "postcode": near["postcode"], "vat_no": None,
        "registration_no": None,
            "email": near["email"].replace("mail@", "hello@")}  # fmt: skip
