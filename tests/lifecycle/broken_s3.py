"""A way to S3 that breaks when the test says so."""

import socket
import threading
from urllib.parse import urlparse


class BrokenWay:
    """Forwards connections to S3; after `requests` of them it refuses, or never answers."""

    def __init__(self, endpoint: str, *, requests: int, hang: bool) -> None:
        place = urlparse(endpoint)
        self._target = (place.hostname, place.port)
        self._left, self._hang = requests, hang
        self._held: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Refuse from now on."""
        self._listener.close()
        for held in self._held:
            held.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._held.append(client)
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with socket.create_connection(self._target) as server:
            threading.Thread(target=_pump, args=(server, client), daemon=True).start()
            while content := client.recv(1 << 16):
                if content[:4] in (b"GET ", b"PUT ", b"POST", b"HEAD", b"DELE"):
                    self._left -= 1
                if self._left < 0:
                    if not self._hang:
                        client.close()
                        return
                    continue
                server.sendall(content)


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while content := source.recv(1 << 16):
            target.sendall(content)
    except OSError:
        pass
