"""The error bodies of Business Central: the JSON envelope and the gateway's XML."""

from collections.abc import Mapping
from uuid import uuid4

from tests.simulators.business_central.wire import JsonObject


class ODataError(Exception):
    """An answer other than success; it becomes `{"error": {"code", "message"}}` with a CorrelationId."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})

    def envelope(self) -> JsonObject:
        text = f"{self.message}  CorrelationId:  {uuid4()}."
        return {"error": {"code": self.code, "message": text}}


class GatewayError(Exception):
    """The gateway answers in XML before the server is asked (captured for an unknown environment)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def xml(self) -> bytes:
        return (
            f'<error xmlns="http://docs.oasis-open.org/odata/ns/metadata"><code>{self.code}</code><message>{self.message}</message></error>'
        ).encode()


def not_found(segment: str) -> ODataError:
    """Also the answer for a deleted record: the segment named is the entity set."""
    return ODataError(404, "BadRequest_ResourceNotFound", f"Resource not found for the segment '{segment}'.")


def unknown_property(name: str, entity: str) -> ODataError:
    """A field this version does not have, or that never existed."""
    return ODataError(
        400, "BadRequest", f"Could not find a property named '{name}' on type 'Microsoft.NAV.{entity}'."
    )


def bad_request(message: str, code: str = "BadRequest") -> ODataError:
    """A 400."""
    return ODataError(400, code, message)


def dialog(message: str) -> ODataError:
    """An error raised by the AL code of the page."""
    return ODataError(400, "Application_DialogException", message)


def unauthorized() -> ODataError:
    """The 401 for a bad or expired token, and for an app nobody registered in BC."""
    return ODataError(
        401,
        "Authentication_InvalidCredentials",
        "The server has rejected the client credentials.",
        {"WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common"'},
    )


def permission_denied(table: str) -> ODataError:
    """A missing permission set; the status and code were not captured, the text is the platform's."""
    return ODataError(
        403,
        "Internal_ServerError",
        f"Sorry, the current permissions prevented the action. (TableData {table} Read: Base Application)",
    )
