#!/usr/bin/env bash
# zeep sends a list of objects as an empty element where the schema has an ArrayOf type: the filter is gone, the call succeeds.
#
# .NET services wrap every array: Debtors is an ArrayOfHandle that holds Handle elements. Given the obvious Debtors=[Handle, Handle],
# zeep 4.3.3 raises nothing and sends <Debtors/>, as if all or no debtors had been asked for. Debtors={"Handle": [...]} is right. Booleans are
# as quiet: the texts 'F' and 'N', which other interfaces of the same ERPs use for false, go out as true.
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
import zeep

client = zeep.Client("ledger.wsdl")
factory = client.type_factory("urn:ledger")


def sent(**arguments):
    call = client.create_message(client.service, "Read", **arguments)
    return [element.text for element in call.iter() if element.text and element.text.strip()]


two = [factory.Handle(Number="1001"), factory.Handle(Number="1002")]
seen = {
    "a list": sent(Debtors=two),
    "its wrapper": sent(Debtors={"Handle": two}),
    "'F'": sent(OnlyOpen="F"),
    "'N'": sent(OnlyOpen="N"),
    "False": sent(OnlyOpen=False),
}
for what, words in seen.items():
    print(f"{what:12} {words}")
assert seen == {"a list": [], "its wrapper": ["1001", "1002"], "'F'": ["true"], "'N'": ["true"], "False": ["false"]}
PYTHON
venv/bin/python look.py
