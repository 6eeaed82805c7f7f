"""A server that speaks TLS, with a certificate of an authority that only the tests believe.

What `REDIS_SERVER` names does it itself; the bundled Valkey is built without, so something in front
of it does.
"""

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.failing_valkey import failing_valkey, free_port
from tests.support.valkey import OTHER

_FOLDER = Path(__file__).parents[1] / "fixtures" / "redis"
AUTHORITY, _CERTIFICATE, _KEY = (_FOLDER / name for name in ("ca.pem", "server.pem", "server.key"))


@contextmanager
def encrypted_server() -> Iterator[str]:
    """Its URL, without the authority."""
    with tempfile.TemporaryDirectory(prefix="unglue-") as name:
        folder, port = Path(name), free_port()
        own = {
            "tls-port": str(port),
            "tls-cert-file": str(_CERTIFICATE),
            "tls-key-file": str(_KEY),
            "tls-ca-cert-file": str(AUTHORITY),
            "tls-auth-clients": "no",
        }
        with contextlib.ExitStack() as stack:
            stack.enter_context(failing_valkey(folder, **(own if OTHER else {})))
            if not OTHER:
                stack.enter_context(_in_front(folder / "valkey.sock", port))
            yield f"rediss://localhost:{port}/0"


@contextmanager
def _in_front(behind: Path, port: int) -> Iterator[None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATE, _KEY)
    listener = socket.create_server(("127.0.0.1", port), backlog=128)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            context.wrap_socket(connection, server_side=True) as outside,
            socket.socket(socket.AF_UNIX) as inside,
        ):
            inside.connect(str(behind))
            back = threading.Thread(target=copy, args=(inside, outside), daemon=True)
            back.start()
            copy(outside, inside)
            back.join()

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        # Whichever side ends, ends both.
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
