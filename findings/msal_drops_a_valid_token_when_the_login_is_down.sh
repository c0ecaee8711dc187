#!/usr/bin/env bash
# MSAL throws away a token that is valid for an hour when the login server answers 5xx to an early refresh.
#
# Entra says refresh_in for long-lived tokens: past it MSAL asks for a new one early, while the old one is good. If that early question
# meets 429 or 400, the old token is returned. If it meets 503 or a proxy's 502, acquire_token_for_client raises MsalServiceError, so
# a short outage of the login stops a sync that needed no login. Keep the last token and its expiry beside MSAL.
# Seen with msal 1.39.0 on Python 3.11, against an HTTP client that answers by itself. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check msal==1.39.0
cd "$folder"
cat > look.py <<'PYTHON'
import json
import time

import msal

LOGIN = "https://login.example/tenant"


class Answer:
    headers: dict = {}

    def __init__(self, status_code, **body):
        self.status_code, self.text = status_code, json.dumps(body)

    def raise_for_status(self):
        if self.status_code >= 400:
            raise RuntimeError(self.status_code)


class Server:
    def __init__(self, second):
        token = {"access_token": "first", "expires_in": 3600, "refresh_in": 0, "token_type": "Bearer"}
        self.answers = [Answer(200, **token), second]

    def get(self, url, **_):
        return Answer(200, token_endpoint=f"{LOGIN}/token", authorization_endpoint=f"{LOGIN}/authorize", issuer=LOGIN)

    def post(self, url, **_):
        return self.answers.pop(0)

    def close(self):
        pass


def second_time(status):
    server = Server(Answer(status, error="told", error_description="told"))
    app = msal.ConfidentialClientApplication(
        "id", client_credential="secret", authority=LOGIN, instance_discovery=False, http_client=server
    )
    assert app.acquire_token_for_client(["api/.default"])["access_token"] == "first"
    time.sleep(1.1)  # past refresh_in
    try:
        outcome = app.acquire_token_for_client(["api/.default"])["access_token"]
    except msal.exceptions.MsalServiceError as error:
        outcome = type(error).__name__
    assert server.answers == []
    return outcome


seen = {status: second_time(status) for status in (400, 429, 502, 503)}
print(f"an early refresh answered with: {seen}")
assert seen == {400: "first", 429: "first", 502: "MsalServiceError", 503: "MsalServiceError"}
PYTHON
venv/bin/python look.py
