"""A synthetic DNS host behind HTTP on 127.0.0.1: `listen.py NAME [--port N]` prints its URL."""

import argparse
import http.server
import pathlib
import sys
import threading
import urllib.parse

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "lib")]

import server as servers  # noqa: E402
from dry_run import Request  # noqa: E402


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        base = urllib.parse.urlsplit(self.server.vendor_server.vendor.base)
        request = Request("", self.command, f"{base.scheme}://{base.netloc}{self.path}",
                          list(self.headers.items()), self.rfile.read(length).decode(), False)
        with self.server.turn:
            reply = self.server.vendor_server.answer(request)
        body = reply.body.encode()
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, *_):
        pass


def serve(name, port=0):
    """An HTTP server on 127.0.0.1 of the vendor `name`; `.vendor_server` is its Server."""
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    listener.vendor_server = servers.Server(servers.load(name))
    listener.turn = threading.Lock()
    return listener


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=servers.known())
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    listener = serve(options.name, options.port)
    print(f"http://127.0.0.1:{listener.server_port}", flush=True)
    listener.serve_forever()


if __name__ == "__main__":
    main()
