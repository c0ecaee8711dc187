"""What a client needs to be configured against a simulator, wherever it is served."""

from dataclasses import asdict, dataclass

from tests.simulators.business_central.app import BusinessCentralSimulator
from tests.simulators.business_central.oauth import SCOPE


@dataclass(frozen=True)
class ClientSettings:
    """Addresses, credentials and names; `base_url` ends before `/api`."""

    url: str
    base_url: str
    authority: str
    scope: str
    tenant_id: str
    environment: str
    client_id: str
    client_secret: str
    username: str
    web_service_key: str
    custom_api: str
    companies: dict[str, str]
    ca_file: str | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def settings(
    simulator: BusinessCentralSimulator, url: str = "http://localhost", ca_file: str | None = None
) -> ClientSettings:
    """Settings for a simulator at this address (`http://localhost` fits in-process transports)."""
    installed = simulator.world.installation
    saas = f"{url}/v2.0/{installed.tenant_id}/{installed.environment}"
    return ClientSettings(
        url=url,
        base_url=saas if installed.deployment == "saas" else f"{url}/{installed.instance}",
        authority=f"{url}/{installed.tenant_id}",
        scope=SCOPE,
        tenant_id=installed.tenant_id,
        environment=installed.environment,
        client_id=installed.client_id,
        client_secret=installed.client_secret,
        username=installed.username,
        web_service_key=installed.web_service_key,
        custom_api=installed.custom_api_route,
        companies={company.name: company.id for company in simulator.world.companies.values()},
        ca_file=ca_file,
    )
