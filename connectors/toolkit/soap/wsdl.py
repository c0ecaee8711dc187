"""The WSDL of a service, from a file: what may be asked, and of what types the answers are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from lxml import etree

from connectors.toolkit.soap.answers import Leaf, Node, reader_of
from sync_engine.errors import ConfigurationError

_TODO = "Save what the service shows at its address with ?WSDL, with all that it imports, and name that file."


class Call(NamedTuple):
    """One request: its envelope, and the headers it goes with."""

    content: bytes
    headers: dict[str, str]


class Wsdl:
    """A WSDL that is read; `binding` is zeep's. Requests are of SOAP 1.1."""

    def __init__(self, binding: Any) -> None:
        self._binding = binding
        self._results: dict[str, Leaf | Node] = {}

    def call(self, operation: str, given: Mapping[str, Any]) -> Call:
        """The request of an operation. An array is given in its wrapper: `{"DebtorHandle": [...]}`.

        Raises ConfigurationError where the WSDL has no such operation, TypeError or an error of zeep's where an argument does not fit it.
        """
        found = self._known(operation)
        content = etree.tostring(found.create(**given).content, xml_declaration=True, encoding="utf-8")
        return Call(
            content, {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{found.soapaction}"'}
        )

    def result(self, operation: str) -> Leaf | Node:
        """How the result of an operation is read."""
        if operation not in self._results:
            ((_, element), *_) = self._known(operation).output.body.type.elements
            self._results[operation] = reader_of(element.type)
        return self._results[operation]

    def _known(self, operation: str) -> Any:
        try:
            return self._binding.get(operation)
        except ValueError:
            todo = "Save the WSDL of the service anew: it may be older than what is asked."
            raise ConfigurationError(f"the WSDL has no {operation}", key="wsdl", todo=todo) from None


@lru_cache(maxsize=4)
def load(path: str) -> Wsdl:
    """Reads a WSDL; kept for the process, for one of some megabytes takes a second. Nothing is fetched, whatever it imports.

    Raises ConfigurationError when it cannot be read, or describes no SOAP 1.1.
    """
    from zeep import Client, Transport  # slow to import, and only needed here
    from zeep.exceptions import Error
    from zeep.wsdl.bindings.soap import Soap11Binding

    class Nowhere(Transport):
        def _load_remote_data(self, url: str) -> bytes:
            raise OSError("a WSDL is read from its file only")

    try:
        client = Client(path, transport=Nowhere())  # type: ignore[no-untyped-call]
    except (OSError, Error, etree.XMLSyntaxError) as failure:
        raise ConfigurationError(
            f"the WSDL {path} cannot be read ({type(failure).__name__})",
            key="wsdl",
            todo=_TODO,
        ) from None
    bindings = [port.binding for service in client.wsdl.services.values() for port in service.ports.values()]
    for binding in bindings:
        if isinstance(binding, Soap11Binding):
            return Wsdl(binding)
    raise ConfigurationError(f"the WSDL {path} describes no SOAP 1.1", key="wsdl", todo=_TODO)
