"""How one logs in: OAuth 1.0a with the account as realm, or a token that is asked for with a signed assertion."""

from __future__ import annotations

from connectors.netsuite.settings import Settings, TokenBased
from connectors.toolkit.auth.assertion import AssertionLogin
from connectors.toolkit.auth.login import Login
from connectors.toolkit.auth.oauth1 import OAuth1Login

_ASKED_AT = "/services/rest/auth/oauth2/v1/token"


def login_of(settings: Settings) -> Login:
    """The login that the settings ask for; it asks for nothing yet."""
    auth = settings.auth
    if isinstance(auth, TokenBased):
        return OAuth1Login(
            auth.consumer_key, auth.consumer_secret, auth.token, auth.token_secret, realm=settings.account
        )
    return AssertionLogin(
        f"{settings.host}{_ASKED_AT}",
        auth.client_id,
        auth.private_key,
        auth.certificate_id,
        algorithm=auth.algorithm,
        scope="rest_webservices",
    )


def shared_name(settings: Settings) -> str:
    """What clients of one account share: its pool of calls at a time is one, whoever logs in."""
    return f"netsuite {settings.account}"
