"""A client of a Kubernetes API server: JSON over HTTPS with a client certificate."""

import http.client
import json
import ssl
import threading


class ApiError(Exception):
    """The server said no; `status` is the HTTP status, `message` that of its Status."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Api:
    """Requests as one user. Each thread has a connection of its own."""

    def __init__(self, address, port, authority, certificate, key):
        self.address, self.port = address, port
        self._context = ssl.create_default_context(cafile=authority)
        self._context.load_cert_chain(certificate, key)
        self._local = threading.local()

    def request(self, method, path, body=None, kind="application/json", seconds=30):
        """The parsed reply of a request; ApiError when it was refused, OSError when unreachable."""
        data = None if body is None else json.dumps(body)
        headers = {"Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = kind
        connection = getattr(self._local, "connection", None)
        fresh = connection is None
        while True:
            if connection is None:
                connection = self._local.connection = http.client.HTTPSConnection(
                    self.address, self.port, context=self._context, timeout=seconds)
            try:
                connection.request(method, path, data, headers)
                reply = connection.getresponse()
                text = reply.read()
                break
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                connection = self._local.connection = None
                if fresh or method == "POST":
                    raise OSError(f"{method} {path}: {error}") from error
                fresh = True
        if reply.status >= 400:
            try:
                message = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                message = text.decode(errors="replace")
            raise ApiError(reply.status, message)
        return json.loads(text) if text else None

    def get(self, path):
        """The object, or None where there is none."""
        try:
            return self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def items(self, path):
        return self.request("GET", path)["items"]

    def post(self, path, body):
        return self.request("POST", path, body)

    def merge(self, path, body):
        """Lays body over the object (JSON merge patch)."""
        return self.request("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path, body=None):
        """Deletes; what is not there is deleted."""
        try:
            return self.request("DELETE", path, body)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def is_ready(self):
        connection = http.client.HTTPSConnection(self.address, self.port, context=self._context,
                                                 timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
