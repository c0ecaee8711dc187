"""How to provoke each known trap of Business Central in this simulator, by the number the team knows it under."""

TRICKY_CASES: dict[int, tuple[str, str]] = {
    1: ("null GUID for unset ids", "any generated row: currencyId, orderId, disputeStatusId"),
    2: (
        "year-one dates and datetimes",
        "contacts.lastInteractionDate; company.forget_stamp('customers', number)",
    ),
    3: ("blank strings, never null", "company.edit_customer(number, email='')"),
    4: (
        "encoded enums, blank as _x0020_, unknown members",
        "request_approval(draft); MalformedRecord('status', 'Forgotten')",
    ),
    5: (
        "local currency is GBP here and blank there",
        "any invoice in local currency, read on v2.0 and on a ledger route",
    ),
    6: ("local currency is no row; codes need not be ISO", "company.add_currency('FW', 'Foreign money')"),
    7: (
        "partial payment without a new stamp",
        "company.pay_invoice(invoice, part); partial_application_touches_entry=False for the ledger",
    ),
    8: (
        "Paid may mean credited; Canceled; Corrective",
        "post_credit_memo(applies_to=...), cancel_invoice, cancel_credit_memo",
    ),
    9: ("Open may be a released draft", "company.release(draft)"),
    10: ("posting keeps the id, changes number and line ids", "company.post_document(draft)"),
    11: ("bill-to differs from sell-to", "company.create_customer(..., bill_to=number)"),
    12: ("unposted payments vanish when posted", "draft_payment(journal, ...), post_journal(journal)"),
    13: (
        "flat sub-pages are refused",
        "GET salesInvoiceLines, contactsInformation, customerPayments, dimensionSetLines",
    ),
    14: (
        "contacts: company contact, no company, Multiple, stale customerId",
        "relate_contact(contact, 'Vendor', 'V1'), orphan_contact(contact)",
    ),
    15: ("no job title before 25; 30 characters; variants", "Installation.version=24; retitle_contact"),
    16: ("codes are renamed, ids stay", "rename_dimension_value, rename_dimension"),
    17: (
        "no value, blank, deleted, blocked, heading",
        "remove_default_dimension, set_default_dimension(.., ''), delete_/block_dimension_value",
    ),
    18: ("renumbered customers, odd numbers", "rename_customer(number, '+917796636577')"),
    19: (
        "company names with anything in them, renamed companies",
        'world.add_company("HANSEN & SOEN\'s"), world.rename_company',
    ),
    20: (
        "paging: tokens, empty last page, $top, inserts, loops",
        "always_empty_last_page, ChangesWhileReading, RepeatsPage, ExpiresToken(after=n)",
    ),
    21: ("fractional seconds are trimmed", "SimulatorClock.set(...) to .25 s and write"),
    22: ("deleted and misspelt look alike", "delete_customer, delete_contact, delete_draft, delete_posted"),
    23: (
        "429 without Retry-After, 503, 408, 504, try later, deadlock, HTML, XML",
        "Throttled, ServerBusy, TryAgainLater, Deadlock, HtmlErrorPage, XmlError",
    ),
    24: (
        "aged receivables: Total row, local amounts, mixed balanceDue",
        "a customer with USD invoices; GET agedAccountsReceivables",
    ),
    25: (
        "one record poisons an expansion; large pages time out; blank rows",
        "PoisonedExpand(id), LargePagesTimeOut(rows=n), BlankRows()",
    ),
    26: ("privacy-blocked contacts", "company.edit_contact(contact, privacy_blocked=True)"),
    27: ("several e-mails in one field", "company.edit_customer(number, email='a@x;b@y')"),
    28: (
        "negative, zero and rounded amounts",
        "post_invoice with amount 0 or a negative line; MalformedRecord('remainingAmount', 20 digits)",
    ),
    29: (
        "a batch that undid what it says it did",
        "POST $batch with Isolation: snapshot and a failing request",
    ),
    30: ("replica lag", "ReplicaLag() with Data-Access-Intent: ReadOnly"),
    31: ("a listed company that is closed", "company.accessible=False, DeniesCompany(company)"),
    32: (
        "aggregates empty, data upgrade to be run",
        "Installation.aggregates_populated=False, DataUpgradeNeeded()",
    ),
    33: (
        "entries that are no sales invoices",
        "post_journal_invoice, post_opening_balance, post_finance_charge",
    ),
    34: ("scale", "generate(world, customers=2000)"),
    35: ("a commit older than its stamp", "with world.committed_late(timedelta(minutes=8)): ..."),
    36: ("a truncated sweep, a foreign next link", "ShortSweep(keep=n), ForeignNextLink()"),
    37: ("etags that move with the balance", "Installation.etag_includes_balance=True"),
    38: (
        "two default dimensions for one customer, or one without its parent",
        "put_default_dimension(...); row.parent_id=None",
    ),
}
