"""kill -9 at random moments: an acknowledged value is served after the restart."""

import http.client
import json
import os
import random
import secrets
import threading

from dns01d import Dns01d
from dnsask import ask, texts

MOMENTS = 200 if os.environ.get("DNS01D_SANITIZER", "release") == "release" else 25
WRITING_SECONDS_MAX = 0.08
VALUES_CHECKED = 8  # An owner name holds 1232 octets of values; the newest always fit.


class Writer(threading.Thread):
    """Sends /update after /update over one connection until the server is gone."""

    def __init__(self, server, account):
        super().__init__()
        self.acknowledged = []
        self.first = threading.Event()
        self.wrong_status = None
        self._server = server
        self._headers = {"X-Api-User": account["username"], "X-Api-Key": account["password"]}
        self._subdomain = account["subdomain"]

    def run(self):
        connection = http.client.HTTPConnection(self._server.address, self._server.api_port,
                                                timeout=10)
        try:
            while self.wrong_status is None:
                self._update(connection, secrets.token_urlsafe(32))
        except (OSError, http.client.HTTPException):
            pass  # Killed.
        finally:
            self.first.set()
            connection.close()

    def _update(self, connection, value):
        body = json.dumps({"subdomain": self._subdomain, "txt": value})
        connection.request("POST", "/update", body, self._headers)
        reply = connection.getresponse()
        reply.read()
        if reply.status == 200:
            self.acknowledged.append(value)
            self.first.set()
        else:
            self.wrong_status = reply.status


def test_acknowledged_values_survive_kill(tmp_path):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    server = Dns01d(tmp_path, {"api": {"registration": "open"}})
    server.start()
    account = server.request("POST", "/register").json()
    owner = account["fulldomain"]
    acknowledged = []
    for moment in range(MOMENTS):
        writer = Writer(server, account)
        writer.start()
        assert writer.first.wait(10)
        writer.join(moments.uniform(0, WRITING_SECONDS_MAX))
        assert writer.wrong_status is None
        server.kill()
        writer.join(15)
        acknowledged += writer.acknowledged
        assert writer.acknowledged, f"nothing written before kill {moment}"
        server.start()
        reply = ask((server.address, server.dns_port), owner, tcp=True)
        newest = {value.encode() for value in acknowledged[-VALUES_CHECKED:]}
        assert newest <= texts(reply), f"lost after kill {moment} of seed {seed}"
    server.stop()
    print(f"{len(acknowledged)} values acknowledged, {MOMENTS} kills")
