"""The SOAP dialect: the contract, its logins and sessions, what faults mean, and what a bulk read costs."""

from __future__ import annotations

import getpass
import io
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import zeep
from lxml import etree
from zeep.xsd.valueobjects import CompoundValue

from connectors.economic import plugin
from connectors.economic.soap import SoapEconomic
from connectors.toolkit.http.errors import BrokeDown, Refused
from connectors.toolkit.soap.wsdl import load
from sync_engine.errors import AuthenticationFailed, ConfigurationError, PermissionMissing, ProtocolViolation
from sync_engine.records import RawRecord
from tests.connectors import contract as c
from tests.connectors.economic.soap_stage import WSDL, SoapStage, stage
from tests.simulators.economic import soap as simulated
from tests.simulators.economic.errors import Answered, web_page
from tests.simulators.economic.soap import AGREEMENT, OPERATIONS, USER

test_economic_through_soap = c.contract(stage)
PERSON = {
    "wsdl": str(WSDL),
    "agreement_number": AGREEMENT,
    "user": USER,
    "password": "env:ECONOMIC_PASSWORD",
    "app_identifier": "sync-engine/1",
}


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> SoapStage:
    """An agreement behind SOAP."""
    return stage(monkeypatch)


def records(connector: SoapEconomic, entity: str) -> list[RawRecord]:
    """All records of an entity."""
    return [record for batch in connector.pull(entity, None) for record in batch.records]


# Logins and sessions


def test_a_person_logs_in_with_agreement_user_and_password(books: SoapStage) -> None:
    """Which needs the name of the program too; one session serves all calls."""
    connector = books.open(soap=PERSON, app_secret_token=None, agreement_grant_token=None)
    assert len(records(connector, "customers")) == 7
    assert books.soap.calls.count("Connect") == 1
    nameless = books.open(soap=PERSON | {"app_identifier": ""})
    with pytest.raises(AuthenticationFailed, match="E02200: Forkert brugernavn"):
        records(nameless, "customers")


def test_a_password_left_out_is_asked_for_once_at_the_terminal(
    books: SoapStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is none, what to set is said; where there is one, a lost session does not ask again."""
    person = {name: value for name, value in PERSON.items() if name != "password"}
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(ConfigurationError, match=r"Set soap\.password"):
        records(books.open(soap=person), "customers")
    asked = list[str]()
    monkeypatch.setattr(sys, "stdin", Terminal())

    def answered(text: str) -> str:
        asked.append(text)
        return simulated.PASSWORD

    monkeypatch.setattr(getpass, "getpass", answered)
    connector = books.open(soap=person)
    assert len(records(connector, "customers")) == 7
    books.soap.sessions.clear()
    assert len(records(connector, "contacts")) == 7
    assert asked == [f"the password of {USER} in e-conomic: "]
    assert simulated.PASSWORD not in repr(vars(connector)) + repr(connector.settings)


class Terminal(io.StringIO):
    """Standard input where a person sits."""

    def isatty(self) -> bool:
        return True


def test_a_session_that_is_lost_is_opened_again(books: SoapStage) -> None:
    """In the middle of a list, once, and nothing of the list is missing."""
    lost = iter([False, True])

    def lose(operation: str, _: Any) -> None:
        if operation == "Debtor_GetDataArray" and next(lost, False):
            books.soap.sessions.clear()

    whole = [record.key for record in records(books.open(), "customers")]
    books.soap.calls.clear()
    books.soap.faults.append(lose)
    assert [record.key for record in records(books.open(), "customers")] == whole
    assert books.soap.calls.count("ConnectWithToken") == 2


def test_a_token_that_is_withdrawn_ends_it(books: SoapStage) -> None:
    """A session that cannot be opened again is a refused login, not a fault of the list, and nobody goes on asking."""
    connector = books.open()
    records(connector, "customers")
    books.refuse()
    books.soap.calls.clear()
    with pytest.raises(AuthenticationFailed, match="E02200"):
        records(connector, "customers")
    assert books.soap.calls == ["Debtor_GetAll", "ConnectWithToken"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"dialect": "soap"}, "soap.wsdl is needed"),
        ({"dialect": "soap", "soap": {"wsdl": "x"}}, "app_secret_token and agreement_grant_token are needed"),
        ({}, "app_secret_token and agreement_grant_token are needed"),
        ({"dialect": "soap", "soap": {"wsdl": "x", "user": "SØREN"}}, "soap.agreement_number is needed"),
    ],
)
def test_settings_that_cannot_log_in_are_refused(given: dict[str, Any], sentence: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=sentence):
        plugin.settings.model_validate(given)


# Faults


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        (simulated.Refused("Authorization", "E04100", "Modulet mangler"), PermissionMissing, "E04100: Modulet mangler"),
        (simulated.Refused("Validation", "E04300", "Feltet er ikke gyldigt for jens@example.dk"), Refused, "gyldigt for ***"),
        (simulated.Refused("Server", "E00001", "Der opstod en fejl"), BrokeDown, "E00001: Der opstod en fejl"),
        (simulated.Refused("Timeout", "E00002", "Tiden gik", whose="soap:Server"), BrokeDown, "Tiden gik"),
    ],
)  # fmt: skip
def test_a_fault_in_danish_is_an_error_of_ours(
    books: SoapStage, fault: simulated.Refused, kind: type[Exception], sentence: str
) -> None:
    """By its kind and code, which are in no language. Only what may pass is asked again; ids of requests and addresses are not repeated."""
    connector = books.open()
    assert connector.streams
    books.soap.calls.clear()
    books.soap.faults.append(lambda operation, _: fault if operation == "Debtor_GetAll" else None)
    with pytest.raises(kind) as caught:
        records(connector, "customers")
    assert sentence in str(caught.value)
    assert "0b2e1f3a" not in str(caught.value)
    assert "economic customers" in str(caught.value) or "economic Debtor_GetAll" in str(caught.value)
    assert books.soap.calls == ["Debtor_GetAll"] * (6 if kind is BrokeDown else 1)


def test_a_module_that_is_missing_costs_what_needs_it(books: SoapStage) -> None:
    """Departments are not offered, and the sentence is e-conomic's own."""
    del books.books.modules[14]
    connector = books.open()
    assert "departments" not in connector.streams
    assert "modulet Dimension mangler" in connector.offered.missing["departments"]
    assert "modulet Dimension mangler" in str(connector.probe().capabilities)
    assert len(records(connector, "customers")) == 7


def test_one_handle_of_a_deleted_record_costs_that_record(books: SoapStage) -> None:
    """It fails the array that it is in, whose halves are asked for by themselves."""
    gone = next(iter(books.books.contacts.values()))

    def delete(operation: str, _: Any) -> None:
        if operation == "DebtorContact_GetDataArray":
            gone["deleted"] = True

    books.soap.faults.append(delete)
    keys = {record.key for record in records(books.open(page_size=1000), "contacts")}
    assert keys == {str(number) for number in books.books.contacts} - {str(gone["number"])}
    assert books.soap.calls.count("DebtorContact_GetDataArray") < 2 * len(books.books.contacts)


def test_a_gateway_is_waited_for_and_a_login_page_is_no_answer(books: SoapStage) -> None:
    """A page of a gateway with 502 passes; one with 200 is no SOAP."""
    pages = iter([web_page(502)])
    books.transport.faults.append(lambda request: next(pages, None))
    connector = books.open()
    assert len(records(connector, "customers")) == 7
    books.transport.faults[:] = [lambda request: Answered(200, "<html><body>Log ind</body></html>")]
    with pytest.raises(ProtocolViolation, match="none of Debtor_GetAll"):
        records(connector, "customers")


def test_a_fault_with_status_200_is_a_fault(books: SoapStage) -> None:
    """Some proxies say 200 to everything."""
    connector, inner = books.open(), books.transport.handle_request
    assert connector.streams
    fault = simulated.Refused("Authorization", "E04100", "Ingen adgang")
    books.soap.faults.append(lambda *_: fault)

    def always_200(request: httpx.Request) -> httpx.Response:
        answer = inner(request)
        answer.status_code = 200
        return answer

    books.transport.handle_request = always_200  # type: ignore[method-assign]
    with pytest.raises(PermissionMissing, match="Ingen adgang"):
        records(connector, "customers")


def test_a_wsdl_that_cannot_be_read_or_is_older_says_so(books: SoapStage, tmp_path: Path) -> None:
    """And nothing is fetched in its place."""
    broken, older = tmp_path / "broken.wsdl", tmp_path / "older.wsdl"
    broken.write_text("<html>Log ind</html>", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="describes no SOAP"):
        records(books.open(soap={"wsdl": str(broken)}), "customers")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        records(books.open(soap={"wsdl": "https://api.e-conomic.com/x?WSDL"}), "customers")
    text = WSDL.read_text(encoding="utf-8")
    older.write_text(
        text.replace("DebtorContact_GetDataArray", "DebtorContact_GetDataArra"), encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match="the WSDL has no DebtorContact_GetDataArray"):
        records(books.open(soap={"wsdl": str(older)}), "contacts")


# What is read


def test_changes_cost_only_what_changed(books: SoapStage) -> None:
    """New invoices, also one that fills a hole; new entries, open ones, and those that were open until now."""
    connector, ledger = books.open(), books.books
    for _ in range(80):  # so that the open ones are far behind the newest number
        ledger.invoice(103, "1")
    invoices = [batch.resume_from for batch in connector.pull("invoices", None)][-1]
    entries = [batch.resume_from for batch in connector.pull("entries", None)][-1]
    late = ledger.invoice(102, "80", number=9_500)
    owing = next(entry for entry in ledger.open_entries(101) if entry["amount"] > 0)
    ledger.pay(101, str(owing["remainder"]), owing)
    assert owing["remainder"] == 0
    new = [record for batch in connector.pull("invoices", invoices) for record in batch.records]
    assert [record.key for record in new] == ["9500"]
    found = {record.key for batch in connector.pull("entries", entries) for record in batch.records}
    assert {str(owing["number"]), str(late["entry"])} <= found
    entries = [batch.resume_from for batch in connector.pull("entries", entries)][-1]
    books.soap.calls.clear()
    assert [batch.complete for batch in connector.pull("entries", entries)][-1] is False
    still_open = len(ledger.open_entries())
    assert books.soap.calls.count("DebtorEntry_GetDataArray") <= (200 + still_open) // 3 + 2


def test_a_debtor_that_is_gone_is_told_as_deleted(books: SoapStage) -> None:
    """Nothing else of it is asked for."""
    connector = books.open()
    assert connector.streams
    books.soap.calls.clear()
    (*_, last) = connector.pull_debtor("999")
    assert (last.entity, list(last.records), tuple(last.deleted)) == ("customers", [], ("999",))
    assert books.soap.calls == ["Debtor_GetDataArray"]


def test_amounts_keep_every_digit(books: SoapStage) -> None:
    """As they stand in the answer, cents included, and lines are put to their invoices."""
    books.books.customers[102]["credit_limit"] = Decimal("123456789012345.67")
    card = next(record for record in records(books.open(), "customers") if record.key == "102")
    assert b'"CreditMaximum":123456789012345.67,' in card.payload
    first = msgspec.json.decode(records(books.open(), "invoices")[0].payload)
    assert [line["TotalNetAmount"] for line in first["@syncEngine.lines"]] == [100.40, 20]


def test_a_bulk_read_makes_no_object_of_an_answer(books: SoapStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """zeep makes one for each handle that is asked for and none for what comes; calls grow by page, and not by record.

    Building objects of answers costs forty times what reading them costs.
    """
    made = list[type]()
    build = CompoundValue.__init__

    def counted(self: CompoundValue, *args: Any, **kwargs: Any) -> None:
        made.append(type(self))
        build(self, *args, **kwargs)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(CompoundValue, "__init__", counted)
    ledger = books.books
    for place in range(300):
        ledger.invoice(101 + place % 7, "100", "20.50", "30")
    connector = books.open(page_size=100)
    assert connector.streams
    books.soap.calls.clear()
    made.clear()
    count = len(records(connector, "invoices"))
    lines = sum(len(row["lines"]) for row in ledger.invoices.values())
    assert count == 315
    assert [kind.__name__ for kind in made if kind.__name__.endswith(("Data", "Result", "Response"))] == []
    assert len(made) <= 2 * count + lines + 2 * len(books.soap.calls)
    assert len(books.soap.calls) == 1 + 4 * 2 + 10
    made.clear()
    load(str(WSDL))  # the count can fail: zeep itself reads an answer into objects
    client = zeep.Client(str(WSDL))  # type: ignore[no-untyped-call]
    client.get_type("{http://e-conomic.com}InvoiceData")()  # type: ignore[no-untyped-call]
    assert made


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_zeep_reads_what_the_simulator_answers(books: SoapStage, operation: str) -> None:
    """In strict mode, by the vendor's WSDL; and an answer with an element too many is found."""
    number = {"debtorHandle": {"Number": "101"}, "accountHandle": {"Number": 5600}, "from": 1, "to": 9999}
    noun = operation.partition("_")[0]
    given = dict[str, Any]()
    wsdl = load(str(WSDL))
    declared = wsdl._binding.get(operation).input.body.type.elements
    for name, _ in declared:
        if name == "entityHandle":
            given[name] = {"Number": str(AGREEMENT)}
        elif name in ("entityHandles", "invoiceHandles"):
            kind = "Invoice" if name == "invoiceHandles" else noun
            table, _, parts = simulated.TABLES[kind]
            keys = [key if isinstance(key, tuple) else (key,) for key in table(books.soap)]
            given[name] = {f"{kind}Handle": [dict(zip(parts, key, strict=True)) for key in keys]}
        else:
            given[name] = number[name]
    books.soap.sessions.add("mine")
    content, _ = wsdl.call(operation, given)
    status, body, _ = books.soap.answer(content, "mine", "", ("", ""))
    assert status == 200, body
    output = wsdl._binding.get(operation).output
    answer = etree.fromstring(body)
    assert output.deserialize(answer) is not None
    etree.SubElement(answer[0][0], "{http://e-conomic.com}NobodyKnows")
    with pytest.raises(zeep.exceptions.XMLParseError):
        output.deserialize(answer)
