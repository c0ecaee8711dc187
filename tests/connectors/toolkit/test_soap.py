"""SOAP answers as JSON, by a WSDL of our own; sessions in cookies are tried with e-conomic."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from connectors.toolkit.by_keys import by_keys
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import NotFound
from connectors.toolkit.soap.answers import Fault
from connectors.toolkit.soap.client import SoapClient
from sync_engine.errors import ProtocolViolation, SourceError
from tests.connectors.support import Hands

WSDL = """<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="urn:t"
  xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">
<types><x:schema targetNamespace="urn:t" elementFormDefault="qualified">
  <x:element name="List"><x:complexType><x:sequence><x:element name="from" type="x:int"/></x:sequence></x:complexType></x:element>
  <x:element name="ListResponse"><x:complexType><x:sequence><x:element minOccurs="0" name="ListResult" type="t:Many"/></x:sequence>
  </x:complexType></x:element>
  <x:complexType name="Many"><x:sequence><x:element minOccurs="0" maxOccurs="unbounded" name="One" nillable="true" type="t:One"/></x:sequence>
  </x:complexType>
  <x:complexType name="One"><x:sequence><x:element name="Id" type="x:int"/><x:element minOccurs="0" name="Amount" nillable="true"
   type="x:decimal"/><x:element minOccurs="0" name="Open" type="x:boolean"/><x:element minOccurs="0" name="Text" type="x:string"/>
   <x:element minOccurs="0" name="Tag" maxOccurs="unbounded" type="x:string"/></x:sequence></x:complexType>
</x:schema></types>
<message name="In"><part name="parameters" element="t:List"/></message>
<message name="Out"><part name="parameters" element="t:ListResponse"/></message>
<portType name="P"><operation name="List"><input message="t:In"/><output message="t:Out"/></operation></portType>
<binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/><operation name="List">
  <s:operation soapAction="urn:t/List" style="document"/><input><s:body use="literal"/></input><output><s:body use="literal"/></output>
</operation></binding>
<service name="S"><port name="P" binding="t:B"><s:address location="https://t/"/></port></service></definitions>"""
NIL = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'


def rows(tmp_path: Path, answer: str, head: str = "") -> list[Any]:
    """What the client reads of an answer."""
    wsdl = tmp_path / "t.wsdl"
    wsdl.write_text(WSDL, encoding="utf-8")
    inside = f'<ListResponse xmlns="urn:t">{answer}</ListResponse>'
    body = f'{head}<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{inside}</e:Body></e:Envelope>'
    asked = list[httpx.Request]()

    def answered(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=body.encode())

    http = HttpClient("t", Hands(), transport=httpx.MockTransport(answered))
    found = SoapClient(http, "https://t/", str(wsdl), refused).rows("List", {"from": 7})
    assert b"<ns0:from>7</ns0:from>" in asked[0].content
    assert asked[0].headers["SOAPAction"] == '"urn:t/List"'
    assert asked[0].headers["Content-Type"] == "text/xml; charset=utf-8"
    return [bytes(row).decode() for row in found]


def refused(fault: Fault, key: str) -> SourceError:
    """Any fault is one of the source."""
    return SourceError(fault.text, key=key)


@pytest.mark.parametrize(
    ("one", "read"),
    [
        ("<Id>1</Id><Amount>512.3200</Amount><Open>true</Open>", '{"Id":1,"Amount":512.3200,"Open":true}'),
        ("<Id>1</Id><Amount>9007199254740993.01</Amount>", '{"Id":1,"Amount":9007199254740993.01}'),
        ("<Id>007</Id><Amount>+.50</Amount>", '{"Id":7,"Amount":0.50}'),
        ("<Id>1</Id><Amount>1,50</Amount><Open>maybe</Open>", '{"Id":1,"Amount":"1,50","Open":"maybe"}'),
        (f"<Id>1</Id><Amount {NIL}/><Open/>", '{"Id":1,"Amount":null,"Open":null}'),
        ("<Id>1</Id><Text> å&#13;b </Text>", '{"Id":1,"Text":" å\\rb "}'),
        ("<Id>1</Id><Text/><Tag>a</Tag><Tag>b</Tag>", '{"Id":1,"Text":"","Tag":["a","b"]}'),
        ("<Id>1</Id><New><Deep>x</Deep></New><Text>kept</Text>", '{"Id":1,"New":"x","Text":"kept"}'),
    ],
)
def test_a_value_is_read_by_its_type_and_keeps_what_was_written(tmp_path: Path, one: str, read: str) -> None:
    """What is odd costs itself alone; an element that nobody knows takes nothing behind it along."""
    assert rows(tmp_path, f"<ListResult><One>{one}</One></ListResult>") == [read]
    json.loads(read)


@pytest.mark.parametrize(
    "answer", ["", "<ListResult/>", f"<ListResult {NIL}/>", f"<ListResult><One {NIL}/></ListResult>"]
)
def test_every_way_to_say_none_is_an_empty_list(tmp_path: Path, answer: str) -> None:
    """No result, an empty one, one that is nil, and one of nil."""
    assert rows(tmp_path, answer) == []


def test_a_document_type_is_no_answer(tmp_path: Path) -> None:
    """Its entities may grow a small answer without end."""
    bomb = '<!DOCTYPE e [<!ENTITY a "aaaa">]>'
    with pytest.raises(ProtocolViolation):
        rows(tmp_path, "<ListResult><One><Id>1</Id><Text>&a;</Text></One></ListResult>", bomb)


def test_records_that_are_gone_are_left_out_and_nothing_else() -> None:
    """A page that one of them spoils is asked for by halves; pages count the keys."""
    asked = list[int]()

    def ask(keys: Sequence[int], stop: threading.Event) -> list[msgspec.Raw]:
        asked.append(len(keys))
        if {3, 7} & set(keys):
            raise NotFound(500, "E06000", "")
        return [msgspec.Raw(str(key).encode()) for key in keys]

    pages = list(by_keys(ask, range(10), 4))
    assert [[int(bytes(row)) for row in page.rows] for page in pages] == [[0, 1, 2], [4, 5, 6], [8, 9]]
    assert [page.next for page in pages] == ["4", "8", None]
    assert {page.total for page in pages} == {10}
    assert asked == [4, 2, 2, 1, 1, 4, 2, 2, 1, 1, 2]
    assert [list(page.rows) for page in by_keys(ask, [], 4)] == [[]]
