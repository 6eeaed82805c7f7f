"""A vendor's key server for as long as one rehearsed delivery is under way."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from adapters.errors import ConfigurationError
from adapters.origin import is_loopback


@contextmanager
def serving_key(url: str, key: str) -> Iterator[None]:
    """Answer with the key at the URL. Raises ConfigurationError."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        raise ConfigurationError(
            "this vendor keeps its signing key itself; for a rehearsal set the source's key_origin "
            'to a free port of this machine, like "http://127.0.0.1:9200", and start the service '
            "again"
        )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"signing_key": key}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    try:
        server = ThreadingHTTPServer((parts.hostname or "", parts.port or 80), Handler)
    except OSError as error:
        raise ConfigurationError(f"{parts.netloc} cannot be listened on: {error}") from None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
