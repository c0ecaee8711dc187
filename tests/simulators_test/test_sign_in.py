"""How one gets in: tokens, certificates, web service keys, environments, companies, and how one is kept out."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.simulators.business_central import serve
from tests.simulators.business_central.faults import ExpiresToken
from tests.simulators_test.conftest import Tenant


def token_error(tenant: Tenant, **changed: str) -> tuple[int, dict[str, Any]]:
    """Status and body of a token request with something changed."""
    known = tenant.settings
    form = {
        "grant_type": "client_credentials",
        "client_id": known.client_id,
        "client_secret": known.client_secret,
        "scope": known.scope,
        **changed,
    }
    answer = tenant.client.post(f"{known.authority}/oauth2/v2.0/token", data=form)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"client_secret": "guessed"}, 401, 7000215),
        ({"client_id": "someone-else"}, 400, 700016),
        ({"scope": "https://graph.microsoft.com/.default"}, 400, 70011),
    ],
)
def test_a_wrong_credential_is_refused_with_its_entra_code(
    tenant: Tenant, changed: dict[str, str], status: int, code: int
) -> None:
    """Wrong secret, unknown app and wrong scope each have their AADSTS code."""
    answered, body = token_error(tenant, **changed)
    assert (answered, body["error_codes"]) == (status, [code])
    assert f"AADSTS{code}" in body["error_description"]


def test_no_token_no_answer(tenant: Tenant) -> None:
    """Without a bearer the API answers 401 with the code of the platform."""
    answer = tenant.client.get(f"{tenant.api}/companies", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Authentication_InvalidCredentials")


def test_an_app_that_nobody_registered_in_bc_is_rejected(tenant: Tenant) -> None:
    """A good token is not enough: the app must be enabled inside Business Central."""
    tenant.world.installation.registered_in_bc = False
    assert tenant.client.get(f"{tenant.api}/companies").status_code == 401


def test_tokens_expire_by_the_clock(tenant: Tenant) -> None:
    """After their lifetime tokens are worthless, and a new one helps."""
    tenant.simulator.tokens.clock = tenant.clock
    tenant.sign_in()
    assert tenant.get("customers").status_code == 200
    tenant.clock.advance(timedelta(hours=1))
    assert tenant.get("customers").status_code == 401
    tenant.sign_in()
    assert tenant.get("customers").status_code == 200


def test_a_token_dies_between_two_pages(tenant: Tenant) -> None:
    """ExpiresToken lets a number of requests pass and then revokes everything, once."""
    tenant.simulator.inject(ExpiresToken(after=2))
    assert [tenant.get("customers").status_code for _ in range(4)] == [200, 200, 401, 401]
    tenant.sign_in()
    assert tenant.get("customers").status_code == 200


def test_msal_signs_in_over_tls(tenant: Tenant) -> None:
    """The real msal, with instance discovery off and our authority trusted, gets a token that opens the API."""
    with serve(tenant.simulator) as handle, requests.Session() as session:
        session.trust_env, session.verify = False, str(handle.ca_file)
        app = msal.ConfidentialClientApplication(
            tenant.settings.client_id,
            authority=f"{handle.url}/{tenant.settings.tenant_id}",
            client_credential=tenant.settings.client_secret,
            instance_discovery=False,
            http_client=session,
        )
        token = app.acquire_token_for_client([tenant.settings.scope])
        assert "access_token" in token, token
        url = f"{handle.url}/v2.0/{tenant.settings.environment}/api/v2.0/companies"
        answer = session.get(url, headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=60)
        assert [x["name"] for x in answer.json()["value"]] == ["HANSEN & SOEN's"]
        assert (
            answer.headers["content-type"] == "application/json; odata.metadata=minimal; odata.streaming=true"
        )


@pytest.mark.parametrize("modern", [True, False], ids=["PS256", "RS256"])
def test_a_certificate_signs_in_instead_of_a_secret(tenant: Tenant, modern: bool) -> None:
    """An assertion signed by a registered certificate is taken, one signed by another is not."""
    key, pem = certificate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    print_of = x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA1()).hex()  # noqa: S303
    credential = (
        {"private_key": private, "public_certificate": pem}
        if modern
        else {"private_key": private, "thumbprint": print_of}
    )
    with serve(tenant.simulator) as handle:
        assert "error" in sign_in_with(tenant, handle.url, str(handle.ca_file), credential)
        tenant.simulator.tokens.register_certificate(pem.encode())
        assert "access_token" in sign_in_with(tenant, handle.url, str(handle.ca_file), credential)


def sign_in_with(tenant: Tenant, url: str, ca_file: str, credential: dict[str, str]) -> dict[str, Any]:
    """What msal gets with this credential."""
    with requests.Session() as session:
        session.trust_env, session.verify = False, ca_file
        app = msal.ConfidentialClientApplication(
            tenant.settings.client_id,
            authority=f"{url}/{tenant.settings.tenant_id}",
            client_credential=credential,
            instance_discovery=False,
            http_client=session,
        )
        answer: dict[str, Any] = app.acquire_token_for_client([tenant.settings.scope])
        return answer


def certificate() -> tuple[rsa.RSAPrivateKey, str]:
    """A key and its self-signed certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sync")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, made.public_bytes(serialization.Encoding.PEM).decode()


def test_certificates_are_gone_after_close(tenant: Tenant) -> None:
    """The temporary authority leaves no files behind."""
    with serve(tenant.simulator) as handle:
        assert Path(str(handle.ca_file)).exists()
    assert not Path(str(handle.ca_file)).exists()


def test_an_unknown_environment_answers_in_xml(tenant: Tenant) -> None:
    """The gateway says NoEnvironment in XML before anyone looks at the path."""
    url = f"{tenant.settings.url}/v2.0/Sandbox/api/v2.0/companies"
    answer = tenant.client.get(url)
    assert answer.headers["content-type"] == "application/xml"
    assert "<code>NoEnvironment</code>" in answer.text


def test_environments_are_listed(tenant: Tenant) -> None:
    """Both environment lists show the environment with its tenant."""
    for path in (
        "environments/v1.1",
        "environments/v1.2",
        "admin/v2.0/applications/BusinessCentral/environments",
    ):
        rows = tenant.client.get(f"{tenant.settings.url}/{path}").json()["value"]
        assert [(x["name"], x["aadTenantId"]) for x in rows] == [("Production", tenant.settings.tenant_id)]


@pytest.fixture
def on_prem(tenant: Tenant) -> Tenant:
    """The same company on a server of its own."""
    tenant.world.installation.deployment = "onprem"
    tenant.use_basic()
    return tenant


def test_on_prem_takes_user_and_web_service_key(on_prem: Tenant) -> None:
    """On-premises has /{instance}/api/v2.0 and Basic auth; SaaS paths are not there."""
    assert on_prem.client.get("http://localhost/BC/api/v2.0/companies").status_code == 200
    assert on_prem.client.get("http://localhost/v2.0/Production/api/v2.0/companies").status_code == 404
    wrong = httpx.BasicAuth("SYNC", "wrong key")
    assert on_prem.client.get("http://localhost/BC/api/v2.0/companies", auth=wrong).status_code == 401


def test_on_prem_with_services_off_answers_405(on_prem: Tenant) -> None:
    """API and OData services are off by default on-premises: everything is 405."""
    on_prem.world.installation.services_enabled = False
    assert on_prem.client.get("http://localhost/BC/api/v2.0/companies").status_code == 405


def test_on_prem_with_several_tenants_needs_the_parameter(on_prem: Tenant) -> None:
    """A multi-tenant server wants ?tenant=, and next links keep it."""
    on_prem.world.installation.multi_tenant = True
    on_prem.company.create_customer("A")
    on_prem.company.create_customer("B")
    url = f"http://localhost/BC/api/v2.0/companies({on_prem.company.id})/customers"
    assert on_prem.client.get(url).status_code == 400
    page = on_prem.client.get(f"{url}?tenant=default", headers={"Prefer": "odata.maxpagesize=1"}).json()
    assert "tenant=default" in page["@odata.nextLink"]


def test_a_company_is_named_by_id_or_name_or_parameter(tenant: Tenant) -> None:
    """Names with apostrophes and ampersands work where names are allowed; ids work everywhere."""
    tenant.company.create_customer("A")
    paths = (
        f"api/v2.0/companies({tenant.company.id.upper()})/customers",
        f"api/v2.0/customers?company={tenant.company.id}",
        "api/v2.0/customers?company=HANSEN %26 SOEN's",
        "ODataV4/Company('HANSEN %26 SOEN''s')/Customer_Card",
        f"ODataV4/Company(Id={tenant.company.id})/Customer_Card",
    )
    for path in paths:
        answer = tenant.client.get(f"{tenant.settings.base_url}/{path}")
        assert (answer.status_code, len(answer.json().get("value", []))) == (200, 1), path
    answer = tenant.client.get(
        f"{tenant.settings.base_url}/ODataV4/Company('hansen %26 soen''s')/Customer_Card"
    )
    assert answer.status_code == 404


def test_a_listed_company_may_be_closed_to_us(tenant: Tenant) -> None:
    """The list shows a company that the login cannot enter."""
    other = tenant.world.add_company("Closed")
    other.accessible = False
    listed = tenant.client.get(f"{tenant.api}/companies").json()["value"]
    assert {x["name"] for x in listed} == {"HANSEN & SOEN's", "Closed"}
    assert tenant.client.get(f"{tenant.api}/companies({other.id})/companyInformation").status_code == 403


def test_a_permission_set_may_lack_an_entity(tenant: Tenant) -> None:
    """Denied entities answer 403 with the table's name."""
    tenant.world.installation.denied_entities = frozenset({"generalLedgerEntries"})
    answer = tenant.get("generalLedgerEntries")
    assert answer.status_code == 403
    assert "TableData 17 G/L Entry Read" in answer.json()["error"]["message"]
