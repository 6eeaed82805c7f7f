"""The callback URL: keeps what arrives, and answers as it is told."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


class Receiver:
    """What arrived: for each deletion the `webhook-id` and the result of every attempt."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.url = ""
        self._arrived: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self._refusals: dict[str, int] = {}
        self._lock = threading.Lock()

    def refuse(self, org_id: str, times: int) -> None:
        """Answer 500 to the next results of this organization; they are kept all the same."""
        with self._lock:
            self._refusals[org_id] = times

    def ids(self, deletion_id: str) -> list[str]:
        """The `webhook-id` of every attempt for a deletion."""
        with self._lock:
            return [webhook_id for webhook_id, _ in self._arrived[deletion_id]]

    def results(self, deletion_id: str) -> list[dict[str, Any]]:
        """The result that every attempt brought."""
        with self._lock:
            return [result for _, result in self._arrived[deletion_id]]

    def post(self, headers: dict[str, str], body: bytes) -> int:
        """Keep one attempt, and say what status it is answered with."""
        Webhook(self.secret).verify(body.decode(), headers, json_parse=False)
        result = json.loads(body)
        # A sweep's summary comes here too, and is no deletion's result.
        if "details" not in result:
            return 204
        with self._lock:
            self._arrived[result["details"]["deletion_id"]].append((headers["webhook-id"], result))
            left = self._refusals.get(result["org_id"], 0)
            self._refusals[result["org_id"]] = left - 1
        return 500 if left > 0 else 204


@contextmanager
def receiving(secret: str) -> Iterator[Receiver]:
    """A receiver on loopback."""
    receiver = Receiver(secret)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.post(headers, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
