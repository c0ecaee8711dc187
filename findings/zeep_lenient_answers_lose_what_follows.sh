#!/usr/bin/env bash
# zeep with strict=False reads every field behind an unknown one as None: an open invoice owes nothing.
#
# A service that grows a field (Currency, in front of Due) breaks strict zeep loudly: XMLParseError for the whole page. The setting that is
# advised against it, strict=False, answers quietly instead: Due, Amount and Open are None although they were sent. Only together with
# xsd_ignore_sequence_order=True are the known fields read. In any mode a date that does not exist, or the valid 24:00:00, is
# None with no more than a log record of zeep.xsd.types.simple; a bad decimal raises decimal.InvalidOperation and costs the page.
# Seen with zeep 4.3.3, lxml 6.1.3 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check zeep==4.3.3 lxml==6.1.3
cd "$folder"
cat > ledger.wsdl <<'XML'
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:t="urn:ledger" xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:ledger">
  <types>
    <xs:schema targetNamespace="urn:ledger" elementFormDefault="qualified">
      <xs:complexType name="Handle">
        <xs:sequence><xs:element name="Number" type="xs:string"/></xs:sequence>
      </xs:complexType>
      <xs:complexType name="ArrayOfHandle">
        <xs:sequence><xs:element name="Handle" type="t:Handle" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
      </xs:complexType>
      <xs:complexType name="Entry">
        <xs:sequence>
          <xs:element name="Number" type="xs:string"/>
          <xs:element name="Due" type="xs:dateTime" minOccurs="0"/>
          <xs:element name="Amount" type="xs:decimal" minOccurs="0"/>
          <xs:element name="Open" type="xs:decimal" minOccurs="0"/>
        </xs:sequence>
      </xs:complexType>
      <xs:element name="Read">
        <xs:complexType>
          <xs:sequence>
            <xs:element name="Debtors" type="t:ArrayOfHandle" minOccurs="0"/>
            <xs:element name="OnlyOpen" type="xs:boolean" minOccurs="0"/>
          </xs:sequence>
        </xs:complexType>
      </xs:element>
      <xs:element name="ReadResponse">
        <xs:complexType>
          <xs:sequence><xs:element name="Entry" type="t:Entry" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
        </xs:complexType>
      </xs:element>
    </xs:schema>
  </types>
  <message name="In"><part name="body" element="t:Read"/></message>
  <message name="Out"><part name="body" element="t:ReadResponse"/></message>
  <portType name="Port"><operation name="Read"><input message="t:In"/><output message="t:Out"/></operation></portType>
  <binding name="Soap" type="t:Port">
    <soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="Read">
      <soap:operation soapAction="Read"/>
      <input><soap:body use="literal"/></input><output><soap:body use="literal"/></output>
    </operation>
  </binding>
  <service name="Ledger"><port name="Port" binding="t:Soap"><soap:address location="http://127.0.0.1:9/"/></port></service>
</definitions>
XML
cat > look.py <<'PYTHON'
import decimal
import logging

import requests
import zeep
from zeep.transports import Transport

logging.getLogger("zeep.xsd.types.simple").addHandler(logging.NullHandler())
logging.getLogger("zeep.xsd.types.simple").propagate = False


class Told(Transport):
    """Answers every call with one row, without a network."""

    row = ""

    def post(self, address, message, headers):
        answer = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
            f'<ReadResponse xmlns="urn:ledger">{self.row}</ReadResponse></e:Body></e:Envelope>'
        )
        response = requests.Response()
        response.status_code = 200
        response.headers["Content-Type"] = "text/xml; charset=utf-8"
        response._content = answer.encode()
        return response


def read(row, **settings):
    transport = Told()
    transport.row = row
    try:
        entry = zeep.Client("ledger.wsdl", transport=transport, settings=zeep.Settings(**settings)).service.Read()[0]
    except (zeep.exceptions.XMLParseError, decimal.InvalidOperation) as refusal:
        return type(refusal).__name__
    return entry.Due and f"{entry.Due:%Y-%m-%d}", entry.Amount and str(entry.Amount), entry.Open and str(entry.Open)


GROWN = (
    "<Entry><Number>1</Number><Currency>EUR</Currency>"
    "<Due>2026-07-01T00:00:00</Due><Amount>10.50</Amount><Open>4.00</Open></Entry>"
)
DATED = "<Entry><Number>1</Number><Due>{}</Due><Amount>{}</Amount></Entry>"
seen = {
    "grown, strict": read(GROWN),
    "grown, strict=False": read(GROWN, strict=False),
    "grown, any order": read(GROWN, strict=False, xsd_ignore_sequence_order=True),
    "midnight as 24:00": read(DATED.format("2026-02-28T24:00:00", "1.00")),
    "comma in a decimal": read(DATED.format("2026-07-01T00:00:00", "1,00")),
}
for what, value in seen.items():
    print(f"{what:20} {value}")
assert seen == {
    "grown, strict": "XMLParseError",
    "grown, strict=False": (None, None, None),
    "grown, any order": ("2026-07-01", "10.50", "4.00"),
    "midnight as 24:00": (None, "1.00", None),
    "comma in a decimal": "InvalidOperation",
}
PYTHON
venv/bin/python look.py
