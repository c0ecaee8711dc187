#!/usr/bin/env bash
# The schema inside a WSDL is invalid to lxml.XMLSchema until it was written out and parsed again.
#
# Most vendors declare the prefixes of their types on <definitions>, outside the schema. XMLSchema(element) sees elements and
# their names, yet type="t:Handle" is text in an attribute: its prefix "has no corresponding namespace declaration in scope", and
# the schema is refused. tostring() copies the declarations that are in scope onto the schema, so XMLSchema(fromstring(tostring(element)))
# of the very same element is accepted and validates.
# Seen with lxml 6.1.3 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lxml==6.1.3
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
from lxml import etree

schema = etree.parse("ledger.wsdl").find(".//{http://www.w3.org/2001/XMLSchema}schema")
try:
    etree.XMLSchema(schema)
    directly = "accepted"
except etree.XMLSchemaParseError as refusal:
    directly = str(refusal)
again = etree.XMLSchema(etree.fromstring(etree.tostring(schema)))
answer = etree.fromstring('<ReadResponse xmlns="urn:ledger"><Entry><Number>1</Number></Entry></ReadResponse>')
print(f"as found: {directly[:150]}")
print(f"after a round trip: accepted, a right answer is valid: {again.validate(answer)}")
assert "no corresponding namespace declaration in scope" in directly
assert again.validate(answer)
PYTHON
venv/bin/python look.py
