"""The tricky cases of Business Central that a mapping has to survive, by the numbers of the facts they come from."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from mappings.business_central import BusinessCentralMapping, plugin
from tests.mappings.business_central_cases import (
    BILLED,
    NULL,
    SOLD,
    draft,
    excluded,
    invoice,
    normalise,
    refused,
)

# Links ------------------------------------------------------------------------------------------------------------------------

WEB = "https://businesscentral.dynamics.com/acme/Production/?company=CRONUS%20AG"


@pytest.mark.parametrize(
    ("entity", "row", "page"),
    [
        ("customers", {"number": "10 000/A"}, 21),
        ("contacts", {"number": "10 000/A", "type": "Person"}, 5050),
        ("salesInvoices", {"number": "10 000/A"}, 132),
        ("salesInvoices", {"number": "10 000/A", "status": "Draft"}, 43),
        ("salesCreditMemos", {"number": "10 000/A"}, 134),
        ("salesCreditMemos", {"number": "10 000/A", "status": "Draft"}, 44),
    ],
)
def test_a_record_links_to_its_page(entity: str, row: dict[str, Any], page: int) -> None:
    """The number is encoded; without a web client nothing is said, and a number that would end the filter has no link."""
    whole = {**invoice(), "remainingAmount": 100, **row} if entity.startswith("sales") else row
    found = draft(entity, whole, web_client=WEB, drafts=True)
    assert found["source_url"] == f"{WEB}&page={page}&filter='No.'%20IS%20'10%20000%2FA'"
    assert "source_url" not in draft(entity, whole, drafts=True)
    assert "source_url" not in draft(entity, {**whole, "number": "O'Brien"}, web_client=WEB, drafts=True)


@pytest.mark.parametrize(
    "address", ["businesscentral.dynamics.com", "javascript:alert(1)", "https://u:p@host/"]
)
def test_a_web_client_is_an_address(address: str) -> None:
    """What a reader clicks on is a page, and holds no login."""
    with pytest.raises(ValueError, match="web_client"):
        BusinessCentralMapping.model_validate({"web_client": address})


# Documents --------------------------------------------------------------------------------------------------------------------


def test_case_1_zero_guids_are_no_references() -> None:
    """Unset ids are zero GUIDs."""
    found = draft("salesInvoices", invoice(paymentTermsId=NULL))
    assert found["terms_key"] is None


BLANK = [
    *[
        ("salesInvoices", invoice(status=status, remainingAmount=None), "remainingAmount")
        for status in ("Open", "New")
    ],
    (
        "salesInvoices",
        {name: value for name, value in invoice().items() if name != "remainingAmount"},
        "remainingAmount",
    ),
    ("openInvoices", invoice(remainingAmount=None), "remainingAmount"),
    (
        "ledgerEntriesApi",
        {"entryNumber": 7, "documentType": "Payment", "amount": -5, "remainingAmount": None, "open": True},
        "remainingAmount",
    ),
    (
        "ledgerEntriesApi",
        {"entryNumber": 7, "documentType": "Payment", "amount": -5, "remainingAmount": None},
        "remainingAmount",
    ),
    (
        "ledgerEntriesPage",
        {"Entry_No": 7, "Document_Type": "Invoice", "Amount": 5, "Remaining_Amount": None, "Open": True},
        "Remaining_Amount",
    ),
    (
        "ledgerEntriesGrouped",
        {"cleEntryNo": 7, "rows": [{"dcleEntryType": "Initial Entry", "dcleAmountLCY": None}]},
        "dcleAmountLCY",
    ),
]


@pytest.mark.parametrize(("entity", "row", "field"), BLANK)
def test_what_is_still_owed_is_not_nothing_where_it_is_blank(
    entity: str, row: dict[str, Any], field: str
) -> None:
    """A posted document or an open entry whose remaining amount is blank cannot be used: it would owe nothing without a word."""
    found, what = refused(entity, row)
    assert found == field
    assert "cannot be told" in what


def test_what_is_settled_needs_no_remaining_amount() -> None:
    """Paid, canceled and closed: nothing remains, whether that is said or not."""
    assert [
        draft("salesInvoices", invoice(status=status, remainingAmount=None))["erp_status"]
        for status in ("Paid", "Canceled")
    ] == ["paid", "void"]
    closed = {
        "entryNumber": 7,
        "documentType": "Payment",
        "amount": -5,
        "remainingAmount": None,
        "open": False,
    }
    assert draft("ledgerEntriesApi", closed)["is_open"] is False


def test_case_2_dates_of_the_year_one_are_none() -> None:
    """Blank dates and stamps."""
    found = draft(
        "salesInvoices", invoice(promisedPayDate="0001-01-01", lastModifiedDateTime="0001-01-01T00:00:00Z")
    )
    assert (found["promised_date"], found["source_modified_at"]) == (None, None)


def test_case_3_blank_text_is_none_and_text_is_trimmed() -> None:
    """Inner runs of white space stay."""
    found = draft("customers", {"displayName": "  HANSEN  & SOEN ", "city": " ", "addressLine2": ""})
    assert found == {"name": "HANSEN  & SOEN", "city": None, "address_line2": None}


@pytest.mark.parametrize("blank", ["_x0020_", " ", ""])
def test_case_4_a_blank_enum_member_in_every_spelling(blank: str) -> None:
    """Not blocked."""
    found = draft("customers", {"blocked": blank})
    assert found == {"block_reason": None, "status": "active"}


def test_case_4_an_unknown_enum_member_is_a_code_gap_and_not_claimed() -> None:
    """Most enums can be extended; an unknown way of being blocked is still blocked."""
    result = normalise("customers", {"blocked": "Credit_x0020_Hold", "type": "Robot"})
    assert result.drafts[0].values == {"status": "blocked"}
    assert {(gap.field, gap.code) for gap in result.gaps} == {
        ("block_reason", "Credit Hold"),
        ("kind", "Robot"),
    }


def test_case_5_a_blank_currency_of_the_ledger_is_the_local_one() -> None:
    """API v2.0 puts the local code, the ledger feeds leave it blank: None there."""
    assert draft("ledgerEntriesFinance", {"entryNumber": 1, "currencyCode": ""})["currency"] is None
    assert draft("salesInvoices", invoice(currencyCode="CHF"))["currency"] == "CHF"


@pytest.mark.parametrize(
    ("rest", "status"), [(100, "open"), (40.01, "partially_paid"), (0, "open"), (100.00, "open")]
)
def test_case_7_a_partial_payment_shows_in_remaining_amount(rest: float, status: str) -> None:
    """The status stays Open; so does lastModifiedDateTime."""
    assert draft("salesInvoices", invoice(remainingAmount=rest))["erp_status"] == status


def test_case_7_reading_open_invoices_again_moves_amount_and_due_date_only() -> None:
    """Without the total, Open does not tell whether something is paid."""
    row = {"id": BILLED, "remainingAmount": 40, "status": "Open", "dueDate": "2025-03-18"}
    assert draft("openInvoices", row) == {"open_amount": "40", "due_date": "2025-03-18"}
    assert draft("openInvoices", row | {"totalAmountIncludingTax": 100})["erp_status"] == "partially_paid"
    assert draft("openInvoices", row | {"status": "Paid", "remainingAmount": 0})["erp_status"] == "paid"
    assert excluded("openInvoices", row | {"status": "Draft"}) == "draft"


@pytest.mark.parametrize(
    ("status", "rest", "claimed"),
    [
        ("Paid", 0, "paid"),
        ("Canceled", 0, "void"),
        ("Corrective", 0, "paid"),
        ("Corrective", 30, "partially_paid"),
    ],
)
def test_case_8_paid_canceled_and_corrective_are_posted(status: str, rest: int, claimed: str) -> None:
    """An unposted document never has these."""
    found = draft("salesInvoices", invoice(status=status, remainingAmount=rest))
    assert (found["erp_status"], found["is_posted"]) == (claimed, True)


@pytest.mark.parametrize("status", ["Draft", "In_x0020_Review", "_x0020_", "In Review"])
def test_case_9_what_is_not_posted_is_excluded(status: str) -> None:
    """Drafts are no receivables; asked for, they owe nothing."""
    assert excluded("salesInvoices", invoice(status=status)) == "draft"
    found = draft("salesInvoices", invoice(status=status), drafts=True)
    assert (found["erp_status"], found["is_posted"]) == ("draft", False)
    assert "open_amount" not in found


def test_case_9_open_does_not_prove_posted() -> None:
    """It can be a released document; the ledger or the list of posted ones must tell."""
    assert draft("salesInvoices", invoice())["is_posted"] is None


def test_case_9_an_unknown_status_is_a_gap() -> None:
    """Neither status nor posting is guessed."""
    result = normalise("salesInvoices", invoice(status="Paused"))
    assert [(gap.field, gap.code) for gap in result.gaps] == [("erp_status", "Paused")]
    assert "erp_status" not in result.drafts[0].values


def test_case_11_the_debtor_is_the_bill_to_customer() -> None:
    """Sold to one, billed to another; only a zero bill-to falls back."""
    assert draft("salesInvoices", invoice())["debtor_key"] == BILLED
    assert draft("salesInvoices", invoice(billToCustomerId=NULL))["debtor_key"] == SOLD


def test_case_11_a_document_of_nobody_fails() -> None:
    """It cannot be owed."""
    ((_, error),) = normalise("salesInvoices", invoice(billToCustomerId=NULL, customerId=NULL)).failed
    assert "names no customer" in str(error)


def test_case_28_negative_and_zero_invoices() -> None:
    """Prepayments and roundings; signs stay."""
    found = draft("salesInvoices", invoice(totalAmountIncludingTax=-100, remainingAmount=-40))
    assert (found["total"], found["open_amount"], found["erp_status"]) == ("-100", "-40", "partially_paid")
    assert (
        draft("salesInvoices", invoice(totalAmountIncludingTax=0, remainingAmount=0))["erp_status"] == "open"
    )


def test_credit_memos_are_positive_and_tell_no_open_amount() -> None:
    """Also what a hand-made page might add is not believed."""
    row = {
        "billToCustomerId": BILLED,
        "number": "104001",
        "totalAmountIncludingTax": 100,
        "remainingAmount": 100,
        "status": "Open",
    }
    found = draft("salesCreditMemos", row)
    assert (found["kind"], found["total"], found["erp_status"]) == ("credit_note", "100", "open")
    assert "open_amount" not in found


def test_the_reference_of_a_document_can_be_the_external_number() -> None:
    """Where that is blank, the number is what people have."""
    for entity, setting in (
        ("salesInvoices", "invoice_reference"),
        ("salesCreditMemos", "credit_note_reference"),
    ):
        row = invoice(externalDocumentNumber="PO-7")
        assert draft(entity, row)["reference"] == "103219"
        assert draft(entity, row, **{setting: "externalDocumentNumber"})["reference"] == "PO-7"
        assert (
            draft(entity, invoice(externalDocumentNumber=""), **{setting: "externalDocumentNumber"})[
                "reference"
            ]
            == "103219"
        )


def test_lines_keep_their_order_and_amounts() -> None:
    """Comment lines are lines; unit prices may have five decimals."""
    lines = [
        {"id": SOLD, "sequence": 20000, "unitPrice": 0.00001, "quantity": 3},
        {"id": BILLED, "sequence": 10000, "lineType": "Comment", "quantity": 0},
    ]
    (only,) = normalise("salesInvoices", invoice(salesInvoiceLines=lines)).drafts
    assert [(line["line_no"], line["quantity"]) for line in only.lines] == [(20000, "3"), (10000, "0")]
    assert only.lines[0]["unit_price"] == "0.00001"
    assert "lines" not in only.values


# Ledger -----------------------------------------------------------------------------------------------------------------------


def test_case_25_a_blank_header_row_is_skipped() -> None:
    """Some OData services send one."""
    assert excluded("ledgerEntriesPage", {"Entry_No": 0, "Document_No": ""}) == "blank row"


@pytest.mark.parametrize(
    ("wire_type", "kind"),
    [
        ("_x0020_", "journal"), ("Invoice", "invoice"), ("Credit_x0020_Memo", "credit_memo"), ("Payment", "payment"), ("Refund", "refund"),
        ("Finance_x0020_Charge_x0020_Memo", "finance_charge"), ("Reminder", "reminder"),
    ],
)  # fmt: skip
def test_case_33_ledger_entries_of_every_type(wire_type: str, kind: str) -> None:
    """Journals and opening balances have the blank type and are nowhere but in the ledger."""
    assert draft("ledgerEntriesPage", {"Entry_No": 7, "Document_Type": wire_type})["document_type"] == kind


def test_an_own_ledger_page_may_spell_as_it_likes() -> None:
    """The field map names what differs."""
    row = {"entryNumber": 7, "restBetrag": -0.1, "open": True}
    assert draft("ledgerEntriesApi", row, ledger_fields={"remaining": "restBetrag"}) == {
        "entry_no": "7",
        "remaining": "-0.1",
        "is_open": True,
    }


def detail(number: int, entry: int, applied: int, amount: float, **said: Any) -> dict[str, Any]:
    """A detailed entry of type Application."""
    row = {
        "entryNumber": number,
        "entryType": "Application",
        "customerLedgerEntryNumber": entry,
        "appliedCustomerLedgerEntryNumber": applied,
    }
    return (
        row
        | {
            "amount": amount,
            "amountLCY": amount,
            "postingDate": "2025-02-12",
            "unapplied": False,
            "unappliedByEntryNumber": 0,
        }
        | said
    )


def test_an_application_is_one_draft_of_two_rows() -> None:
    """Both rows name the applying entry; the row on the other entry tells both sides."""
    result = normalise("detailedEntriesApi", detail(1, 10, 20, -100), detail(2, 20, 20, 100))
    assert [
        (d.key, d.values["from_entry"], d.values["to_entry"], d.values["amount"]) for d in result.drafts
    ] == [("0", "20", "10", "100")]
    assert [e.reason for e in result.excluded] == ["twin row of an application"]


def test_an_invoice_may_be_applied_to_an_older_payment() -> None:
    """Then the invoice is the applying entry, and money still flows from the payment."""
    result = normalise("detailedEntriesApi", detail(1, 20, 10, 100), detail(2, 10, 10, -100))
    assert [(d.values["from_entry"], d.values["to_entry"], d.values["amount"]) for d in result.drafts] == [
        ("20", "10", "100")
    ]


def test_an_undone_application_is_reversed_once() -> None:
    """The rows that undo it say nothing of their own."""
    rows = [
        detail(1, 10, 20, -100, unapplied=True, unappliedByEntryNumber=3), detail(2, 20, 20, 100, unapplied=True, unappliedByEntryNumber=4),
        detail(3, 10, 20, 100, unapplied=True), detail(4, 20, 20, -100, unapplied=True),
    ]  # fmt: skip
    result = normalise("detailedEntriesApi", *rows)
    assert [(d.key, d.values["is_reversed"]) for d in result.drafts] == [("0", True)]
    assert len(result.excluded) == 3


def test_other_detailed_entries_are_no_applications() -> None:
    """Initial entries, gains and discounts settle nothing with something else."""
    assert "Initial Entry" in excluded(
        "detailedEntriesApi", detail(1, 10, 0, 100, entryType="Initial_x0020_Entry")
    )
    assert "other entry" in excluded("detailedEntriesApi", detail(1, 10, 0, 100))


# Settings and versions --------------------------------------------------------------------------------------------------------


def test_the_version_follows_the_settings() -> None:
    """Another rule re-normalises what is landed."""
    plain, strict = (
        BusinessCentralMapping(),
        BusinessCentralMapping.model_validate({"positions": {"strict": True}}),
    )
    assert plugin.normaliser("a", plain).version == plugin.normaliser("b", BusinessCentralMapping()).version
    assert plugin.normaliser("a", plain).version != plugin.normaliser("a", strict).version


def test_the_version_is_the_same_in_another_process() -> None:
    """No hash seed, no path in it."""
    code = "from mappings.business_central import plugin; print(plugin.normaliser('x', plugin.settings()).version)"
    elsewhere = {"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=elsewhere
    )
    assert found.stdout.strip() == plugin.normaliser("x", plugin.settings()).version


def test_a_draft_is_json_ready() -> None:
    """Values are text, true/false, numbers and None; the store compares them as JSON."""
    (only,) = normalise(
        "salesInvoices", invoice(salesInvoiceLines=[{"sequence": 10000, "netAmount": 1.5}])
    ).drafts
    assert json.loads(json.dumps(only.values)) == only.values
    assert json.loads(json.dumps(list(only.lines))) == list(only.lines)
