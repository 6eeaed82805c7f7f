"""A process that ends at the second SIGTERM, and says when it is ready for the first."""

import signal
import sys
import threading
from pathlib import Path

if __name__ == "__main__":
    told = threading.Semaphore(0)
    signal.signal(signal.SIGTERM, lambda *_: told.release())
    Path(sys.argv[1]).touch()
    for _ in range(2):
        while not told.acquire(timeout=0.1):
            pass
