#!/usr/bin/env bash
# requests retries below its auth: with OAuth1 every attempt carries the first one's nonce, time and signature.
#
# Token-based logins of ERPs refuse a nonce they have seen. urllib3's Retry, mounted on the adapter as everybody does, resends the
# prepared request; requests-oauthlib signed it once, above. So the retry after a 503 is a replay to the server. Calls of their own are
# signed anew. Retry around the call, not inside the adapter.
# Seen with requests 2.34.2, requests-oauthlib 2.0.0, oauthlib 4.0.1 on Python 3.11, on loopback. Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check requests==2.34.2 requests-oauthlib==2.0.0 oauthlib==4.0.1
cd "$folder"
cat > look.py <<'PYTHON'
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import requests
from requests.adapters import HTTPAdapter
from requests_oauthlib import OAuth1
from urllib3.util import Retry

signed = []


class Busy(BaseHTTPRequestHandler):
    def do_GET(self):
        signed.append(dict(re.findall(r'(oauth_\w+)="([^"]*)"', self.headers["Authorization"])))
        self.send_response(503 if len(signed) < 3 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
session = requests.Session()
session.trust_env = False
session.mount("http://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[503], backoff_factor=0)))
auth = OAuth1("key", "secret", "token", "secret", signature_method="HMAC-SHA256")
for _ in range(2):
    assert session.get(f"http://127.0.0.1:{server.server_port}/query", auth=auth).status_code == 200
server.shutdown()
nonces = [attempt["oauth_nonce"] for attempt in signed]
signatures = [attempt["oauth_signature"] for attempt in signed]
print(f"{len(signed)} requests; nonces of the first call's attempts {set(nonces[:3])}, of the second call {nonces[3]}")
assert len(signed) == 4
assert len(set(nonces[:3])) == len(set(signatures[:3])) == 1
assert nonces[3] != nonces[0]
PYTHON
venv/bin/python look.py
