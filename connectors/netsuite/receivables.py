"""What is read of documents, payments, journals on receivable accounts, and what settled what."""

from __future__ import annotations

from connectors.netsuite.suiteql import Column, KeyPart, Query
from connectors.netsuite.tables import (
    DOCUMENTS,
    PAYMENTS,
    RECEIVABLES,
    Account,
    Source,
    listed,
    needed,
    of_types,
    own,
    stream,
)

_LINKED = (
    "t.id IN (SELECT k.previousdoc FROM nexttransactionlinelink k WHERE k.lastmodifieddate >= {since})"
    " OR t.id IN (SELECT k.nextdoc FROM nexttransactionlinelink k WHERE k.lastmodifieddate >= {since})"
)
TOUCHED_HEADER: str = (
    f"t.lastmodifieddate >= {{since}} OR {_LINKED} OR NVL(t.foreignamountunpaid, 0) <> 0"
    " OR NVL(t.foreignpaymentamountunused, 0) <> 0"
)
"""What settles a document leaves its stamp of change alone, but stamps the link; what un-settles it leaves no trace, but then something
is open of it."""
TOUCHED_LINE: str = (
    f"t.lastmodifieddate >= {{since}} OR {_LINKED} OR NVL(l.foreignamountunpaid, 0) <> 0"
    " OR NVL(l.foreignpaymentamountunused, 0) <> 0"
)
_OPEN_JOURNALS = (
    " OR t.id IN (SELECT o.transaction FROM transactionline o WHERE NVL(o.foreignamountunpaid, 0) <> 0)"
)


def sources(account: Account) -> list[Source]:
    """Every stream of them, parents first."""
    return [
        _documents(account),
        _journals(account, "journal_debits", "documents", "document", ">"),
        _payments(account),
        _journals(account, "journal_credits", "payments", "payment", "<"),
        _applications(account),
    ]


def _header(account: Account, *extra: str) -> tuple[tuple[Column, ...], str]:
    """Columns and tables of a transaction with one receivable."""
    columns = (
        *(Column("id", "t.id"), Column("type", "t.type"), Column("entity", "t.entity")),
        *own("t", "tranid externalid memo otherrefnum terms employee", *extra),
        Column("trandate", "t.trandate", "day"),
        Column("duedate", "t.duedate", "day", "due dates"),
        Column("closedate", "t.closedate", "day", "the day on which a document was settled"),
        Column("currency", account.symbol("x")),
        Column("exchangerate", _rate(account), lost="amounts in base currency"),
        *needed("t", "foreigntotal foreignamountunpaid foreignpaymentamountunused posting voided"),
        *(
            [Column("subsidiary", "m.subsidiary", lost="the subsidiary of a document")]
            if account.has("subsidiary")
            else []
        ),
        Column("modified", "t.lastmodifieddate", "stamp"),
    )
    tables = f"transaction t JOIN currency x ON x.id = t.currency{_subsidiary(account, 'm', header=True)}"
    return columns, tables


def _rate(account: Account) -> str:
    """The booked rate, where the books of the document's subsidiary are kept in the currency of the company."""
    if not account.base or not account.has("subsidiary"):
        return "t.exchangerate"
    return f"CASE WHEN s.currency = {int(account.base)} THEN t.exchangerate END"


def _subsidiary(account: Account, alias: str, *, header: bool) -> str:
    if not account.has("subsidiary"):
        return ""
    main = (
        f" LEFT JOIN transactionline {alias} ON {alias}.transaction = t.id AND {alias}.mainline = 'T'"
        if header
        else ""
    )
    return f"{main} LEFT JOIN subsidiary s ON s.id = {alias}.subsidiary"


def _documents(account: Account) -> Source:
    columns, tables = _header(account, *account.settings.document_fields)
    return Source(
        stream("documents", "documents", "document", overlap=True),
        Query(columns, tables, (KeyPart("id", "t.id"),), (of_types(DOCUMENTS),)),
        ("documents", "links"),
        TOUCHED_HEADER,
        "t.entity = {debtor}",
        ("invoice", "creditmemo", "financecharge"),
        spread=("documents", "t.id"),
    )


def _payments(account: Account) -> Source:
    columns, tables = _header(account)
    return Source(
        stream("payments", "payments", "payment", overlap=True),
        Query(columns, tables, (KeyPart("id", "t.id"),), (of_types(PAYMENTS),)),
        ("payments", "links"),
        TOUCHED_HEADER,
        "t.entity = {debtor}",
        ("customerpayment", "customerdeposit", "customerrefund"),
        spread=("payments", "t.id"),
    )


def _journals(account: Account, name: str, family: str, canonical: str, sign: str) -> Source:
    """Lines of journals on receivable accounts: what a customer owes by them, and what he does not owe any more."""
    columns = (
        *(Column("id", "t.id"), Column("line", "l.id"), Column("entity", "l.entity")),
        *own("t", "tranid memo"),
        Column("trandate", "t.trandate", "day"),
        Column("currency", account.symbol("x")),
        Column("exchangerate", _rate(account), lost="amounts in base currency"),
        *needed("l", "foreignamount foreignamountunpaid foreignpaymentamountunused"),
        *needed("t", "posting voided"),
        Column("voids", "v.voided", lost="which journals void something"),
        Column("modified", "t.lastmodifieddate", "stamp"),
    )
    tables = (
        "transactionline l JOIN transaction t ON t.id = l.transaction JOIN currency x ON x.id = t.currency JOIN customer c ON c.id = l.entity"
        f" LEFT JOIN transaction v ON v.id = l.createdfrom{_subsidiary(account, 'l', header=False)}"
    )
    where = ("t.type = 'Journal'", account.receivable_line("l"), f"l.foreignamount {sign} 0")
    return Source(
        stream(name, family, canonical, overlap=True),
        Query(columns, tables, (KeyPart("id", "t.id"), KeyPart("line", "l.id")), where),
        (name, "links"),
        TOUCHED_LINE,
        "l.entity = {debtor}",
        ("journalentry", "journal"),
        children=True,
    )


def _applications(account: Account) -> Source:
    """The graph of what settled what. Links of nought and those of voided records do not count."""
    lines = (
        "CASE WHEN p.type = 'Journal' THEN l.previousline ELSE 0 END",
        "CASE WHEN n.type = 'Journal' THEN l.nextline ELSE 0 END",
    )
    key = (
        KeyPart("previousdoc", "l.previousdoc"),
        KeyPart("nextdoc", "l.nextdoc"),
        KeyPart("previousline", lines[0]),
        KeyPart("nextline", lines[1]),
    )
    columns = (
        *(Column(part.name, part.sql) for part in key),
        Column("previoustype", "p.type"),
        Column("nexttype", "n.type"),
        Column("previousdate", "MAX(p.trandate)", "day"),
        Column("nextdate", "MAX(n.trandate)", "day"),
        Column("previousamount", "MAX(q.foreignamount)"),
        Column("currency", account.symbol("x")),
        Column("amount", "SUM(l.foreignamount)"),
    )
    tables = (
        "nexttransactionlinelink l JOIN transaction p ON p.id = l.previousdoc JOIN transaction n ON n.id = l.nextdoc"
        " JOIN currency x ON x.id = p.currency LEFT JOIN transactionline q ON q.transaction = p.id AND q.id = l.previousline AND p.type = 'Journal'"
    )
    where = (
        "l.linktype = 'Payment'",
        f"p.type IN ({listed(RECEIVABLES)})",
        f"n.type IN ({listed(RECEIVABLES)})",
        "NVL(p.voided, 'F') = 'F' AND NVL(n.voided, 'F') = 'F' AND p.posting = 'T' AND n.posting = 'T'",
    )
    grouped = f"GROUP BY {', '.join(part.sql for part in key)}, p.type, n.type, {account.symbol('x')} HAVING SUM(l.foreignamount) <> 0"
    return Source(
        stream("applications", "payments", "application", overlap=True),
        Query(columns, tables, key, where, grouped),
        ("documents", "payments", "journal_debits", "journal_credits", "links"),
        TOUCHED_HEADER + _OPEN_JOURNALS,
        "p.entity = {debtor} OR n.entity = {debtor}",
        ("invoice", "financecharge", "customerrefund", "journalentry", "journal"),
        children=True,
        counted=False,
        spread=("links", "l.previousdoc"),
    )
