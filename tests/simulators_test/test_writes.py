"""What changes a simulated installation: webhooks, batches, edits with their etag, actions; and who may."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx

from tests.simulators_test.conftest import Tenant, exact


def subscriber(heard: list[dict[str, Any]], honest: bool = True) -> Any:
    """A webhook receiver: echoes the validation token, keeps notifications."""

    def notify(url: str, body: bytes) -> tuple[int, bytes]:
        if not body:
            return 200, (url.split("validationToken=")[1] if honest else "guess").encode()
        heard.extend(json.loads(body)["value"])
        return 200, b""

    return notify


def test_webhooks(peopled: Tenant) -> None:
    """A handshake, three days of life, created, updated and deleted; contacts cannot be subscribed to."""
    heard: list[dict[str, Any]] = []
    peopled.simulator.webhooks.notify = subscriber(heard)
    url = f"{peopled.api}/subscriptions"
    wish = {
        "notificationUrl": "https://127.0.0.1/hook",
        "resource": f"/api/v2.0/companies({peopled.company.id})/customers",
        "clientState": "s",
    }
    made = peopled.client.post(url, json=wish)
    assert made.status_code == 201
    assert made.json()["expirationDateTime"] == "2026-05-04T12:00:00Z"
    row = peopled.company.create_customer("Newcomer")
    peopled.company.delete_customer(row.id)
    peopled.simulator.webhooks.deliver()
    assert [x["changeType"] for x in heard] == ["created", "deleted"]
    contacts = {**wish, "resource": f"/api/v2.0/companies({peopled.company.id})/contacts"}
    assert peopled.client.post(url, json=contacts).status_code == 400
    peopled.clock.advance(timedelta(days=3))
    peopled.company.edit_customer("01", city="Lyon")
    peopled.simulator.webhooks.deliver()
    assert len(heard) == 2
    peopled.simulator.webhooks.notify = subscriber(heard, honest=False)
    assert peopled.client.post(url, json=wish).status_code == 400


def test_a_batch_lies_about_what_it_undid(peopled: Tenant) -> None:
    """With snapshot isolation a later failure undoes an insert that still answers 201 with an id."""
    url = f"{peopled.api}/$batch"
    base = f"companies({peopled.company.id})"
    requests = [
        {"id": "a", "method": "POST", "url": f"{base}/customers", "body": {"displayName": "Ghost"}},
        {"id": "b", "method": "POST", "url": f"{base}/customers", "body": {}},
    ]
    answers = peopled.client.post(url, json={"requests": requests}, headers={"Isolation": "snapshot"}).json()[
        "responses"
    ]
    assert [x["status"] for x in answers] == [201, 400]
    assert "Ghost" not in {x["displayName"] for x in peopled.rows("customers")}
    peopled.client.post(url, json={"requests": requests[:1]})
    assert "Ghost" in {x["displayName"] for x in peopled.rows("customers")}
    assert peopled.client.post(url, json={"requests": requests * 51}).status_code == 500


def patch(tenant: Tenant, path: str, body: dict[str, Any], etag: str = "*") -> httpx.Response:
    """A PATCH with If-Match unless the etag is empty."""
    return tenant.client.patch(tenant.url(path), json=body, headers={"If-Match": etag} if etag else {})


def test_writing_wants_the_etag(peopled: Tenant) -> None:
    """Without it 400, with a stale one 409, with the right one the row and its new etag."""
    row = peopled.rows("customers?$filter=number eq '01'")[0]
    path = f"customers({row['id']})"
    assert patch(peopled, path, {"city": "X"}, "").json()["error"]["code"] == "BadRequest_InvalidToken"
    peopled.company.edit_customer("01", city="Lyon")
    assert patch(peopled, path, {"city": "X"}, row["@odata.etag"]).status_code == 409
    fresh = peopled.get(path).json()
    done = patch(peopled, path, {"city": "Odense", "creditLimit": 5000.5}, fresh["@odata.etag"])
    assert (done.status_code, exact(done)["creditLimit"]) == (200, Decimal("5000.5"))
    assert done.json()["@odata.etag"] != fresh["@odata.etag"]
    assert (
        patch(peopled, path, {"lastModifiedDateTime": "2026-01-01T00:00:00Z"})
        .json()["error"]["message"]
        .startswith("Control 'lastModifiedDateTime' is read-only.")
    )
    assert (
        patch(peopled, path, {"city": "x" * 31}).json()["error"]["code"] == "Application_StringExceededLength"
    )


def test_posted_invoices_let_three_things_be_changed(peopled: Tenant) -> None:
    """Due date, promised date and dispute; everything else is refused, and drafts refuse the promise."""
    posted = peopled.company.post_invoice("01", Decimal(10))
    draft = peopled.company.create_invoice("01", amount=Decimal(10))
    done = patch(
        peopled,
        f"salesInvoices({posted.id})",
        {"promisedPayDate": "2026-07-01", "disputeStatus": "QUALITY", "dueDate": "2026-06-01"},
    )
    assert (done.json()["promisedPayDate"], done.json()["disputeStatus"], done.json()["dueDate"]) == (
        "2026-07-01",
        "QUALITY",
        "2026-06-01",
    )
    refused = patch(peopled, f"salesInvoices({posted.id})", {"externalDocumentNumber": "X"})
    assert "has been posted and can no longer be modified" in refused.text
    assert patch(peopled, f"salesInvoices({draft.id})", {"promisedPayDate": "2026-07-01"}).status_code == 400


def test_inserting_and_deleting(peopled: Tenant) -> None:
    """A name is required, an id of ours is kept and refused the second time, persons hang on a company's number."""
    url = peopled.url("customers")
    mine = "6f1c7a52-93e1-4f44-9d8e-6045bde9ca09"
    assert peopled.client.post(url, json={}).status_code == 400
    made = peopled.client.post(url, json={"id": mine, "displayName": "Wired & Co", "email": "a@x;b@y"})
    assert (made.status_code, made.json()["id"]) == (201, mine)
    assert made.headers["Location"].endswith(f"/customers({mine})")
    again = peopled.client.post(url, json={"id": mine, "displayName": "Wired & Co"})
    assert again.json()["error"]["code"] == "Internal_EntityWithSameKeyExists"
    company = peopled.rows(f"customers({mine})/contactsInformation")[0]["contactNumber"]
    person = {"type": "Person", "displayName": "Ian Ray", "companyNumber": company, "jobTitle": "CFO"}
    assert (
        peopled.client.post(peopled.url("contacts"), json=person).json()["contactBusinessRelation"]
        == "Customer"
    )
    dimension = next(iter(peopled.company.dimensions))
    value = peopled.company.dimension_value("CUSTOMERGROUP", "LARGE")
    default = {"dimensionId": dimension, "dimensionValueId": value.id}
    made = peopled.client.post(peopled.url(f"customers({mine})/defaultDimensions"), json=default)
    assert made.json()["dimensionValueCode"] == "LARGE"
    changed = patch(peopled, f"defaultDimensions({made.json()['id']})", {"dimensionId": mine})
    assert "You can't rename a" in changed.text
    assert peopled.client.delete(peopled.url(f"defaultDimensions({made.json()['id']})")).status_code == 204
    assert peopled.client.delete(peopled.url(f"customers({mine})")).status_code == 204


def test_an_action_posts_a_draft(peopled: Tenant) -> None:
    """Bound actions work in any case and answer 204."""
    draft = peopled.company.create_invoice("01", amount=Decimal(10))
    assert (
        peopled.client.post(peopled.url(f"salesInvoices({draft.id})/microsoft.nav.POST")).status_code == 204
    )
    assert draft.posted
    assert (
        peopled.client.post(peopled.url(f"salesInvoices({draft.id})/Microsoft.NAV.shred")).status_code == 404
    )
