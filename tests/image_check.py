"""The image, built and run without a registry: `python -m tests.image_check`.

The base is made of Debian's packages (mmdebstrap) and imported; the Dockerfile is built on it by
its argument BASE. Then the service, the scheduler and a worker are started from the image as one
should start them (user 10001, read-only root, no capability), the demo's path is walked against
them, and each is stopped by a SIGTERM to its process 1. Everything else of the demo runs on this
machine.

It wants root, and Debian's packages mmdebstrap, podman, buildah and runc.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from service.demo.installation import running
from service.demo.story import Story
from service.supervision.processes import Processes

ROOT: Final = Path(__file__).parents[1]
BASE: Final = "localhost/unglue-base:check"
IMAGE: Final = "localhost/unglue:check"
USER: Final = 10001
PARTS: Final = ("serve", "scheduler", "worker")
_TOOLS: Final = ("mmdebstrap", "podman", "buildah", "runc")
_CERTIFICATES: Final = "/etc/ssl/certs:/etc/ssl/certs:ro"
# No limits are raised and no journal is written, so that it also runs inside a container.
_ENGINE: Final = """\
[containers]
default_ulimits = []
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
"""


class Engine:
    """podman with a store of its own, which is left as it was found."""

    def __init__(self, store: Path) -> None:
        self.store = store
        store.mkdir(parents=True, exist_ok=True)
        configuration = store / "containers.conf"
        configuration.write_text(_ENGINE, encoding="utf-8")
        os.environ |= {"CONTAINERS_CONF": str(configuration), "STORAGE_DRIVER": "vfs"}

    def command(self, *arguments: str) -> list[str]:
        return [
            *("podman", "--root", str(self.store / "images"), "--runroot", str(self.store / "run")),
            *("--runtime", "runc", *arguments),
        ]

    def run(self, *arguments: str) -> str:
        """What it printed."""
        return _run(self.command(*arguments))


def _run(command: Sequence[str]) -> str:
    ended = subprocess.run(  # noqa: S603 - our own commands
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        sys.exit(f"{' '.join(command)}\nended with {ended.returncode}:\n{ended.stderr[-3000:]}")
    return ended.stdout.strip()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - what it found is its output


def build(engine: Engine, suite: str) -> None:
    """The base, if the store has none yet, and the image on it."""
    if not engine.run("images", "-q", BASE):
        _say(f"Making a base of Debian {suite} …")
        packed = engine.store / "base.tar"
        packages = "--include=python3,python3-venv,ca-certificates"
        _run(["mmdebstrap", "--variant=minbase", packages, suite, str(packed)])
        engine.run("import", str(packed), BASE)
        packed.unlink()
    _say("Building the image on it …")
    began = time.monotonic()
    engine.run(
        *("build", "--isolation", "chroot", "--network", "host", "--format", "docker"),
        *("-v", _CERTIFICATES, "--build-arg", f"BASE={BASE}", "--build-arg", "VERSION=check"),
        *("-t", IMAGE, "."),
    )
    _say(f"  in {time.monotonic() - began:.0f} s")


def look(engine: Engine) -> None:
    """What the image says of itself, and what lies in it."""
    (image,) = json.loads(engine.run("inspect", IMAGE))
    made: dict[str, Any] = image["Config"]
    assert made["User"] == str(USER)
    assert made["Entrypoint"] == ["unglue"]
    assert made["Labels"]["org.opencontainers.image.version"] == "check"
    health = image.get("HealthCheck") or image.get("Healthcheck") or made["Healthcheck"]
    assert health["Test"] == ["CMD", "unglue", "alive"], health
    inside = ("run", "--rm", "--network", "none", "--entrypoint")
    listing = engine.run(*inside, "python", IMAGE, "-c", _LISTING).split()
    assert not {"pytest", "mypy", "tests"} & set(listing), listing
    bill = json.loads(engine.run(*inside, "cat", IMAGE, "/usr/share/doc/unglue/sbom.cdx.json"))
    named = {part["name"].replace("_", "-") for part in bill["components"]}
    installed = {each.replace("_", "-").lower() for each in listing}
    assert installed - named <= {"unglue"}, installed - named
    _say(f"  {image['Size'] / 1e6:.0f} MB, {len(installed)} packages, all in its bill of materials")


_LISTING: Final = (
    "from importlib.metadata import distributions as d; print(*(x.metadata['Name'] for x in d()))"
)


class InImage(Processes):
    """Unglue's parts from the image, everything else of the demo from here."""

    engine: Engine

    async def start(
        self, name: str, module: str, arguments: Sequence[str] = (), **environment: str
    ) -> int:
        if not arguments or arguments[0] not in PARTS:
            return await super().start(name, module, arguments, **environment)
        config = Path(self._environment["UNGLUE_CONFIG"])
        # What a container's user is to read must be its own: the demo made it for ours.
        for path in (config.parent, config, config.parent / "valkey.sock"):
            os.chown(path, USER, USER)
        settings = {k: v for k, v in self._environment.items() if k.startswith("UNGLUE_")}
        command = self.engine.command(
            *("run", "--rm", "--name", container(name), "--network", "host", "--read-only"),
            *("--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL"),  # noqa: S108 - the container's
            *("--security-opt", "no-new-privileges", "-v", f"{config.parent}:{config.parent}"),
            *(word for key in settings for word in ("-e", f"{key}={settings[key]}")),
            *(IMAGE, *arguments),
        )
        assert self._log_dir
        with (self._log_dir / f"{name}.log").open("ab") as output:
            self._running[name] = process = await asyncio.create_subprocess_exec(
                *command, stdout=output, stderr=output
            )
        return process.pid


def container(name: str) -> str:
    return f"unglue-check-{name}"


async def walk(engine: Engine, folder: Path) -> None:
    """The demo's path, then what a container is, then its stop."""
    InImage.engine = engine
    async with (
        running(folder, kind=InImage) as installation,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        await Story(installation, http).tell()
        processes = installation.processes
        for name in ("service", "scheduler", "worker"):
            inside = ("exec", container(name))
            url = ("-e", f"UNGLUE_URL={installation.service}", container(name))
            first = engine.run(*inside, "cat", "/proc/1/cmdline").split("\0")
            assert "unglue" in " ".join(first), first
            status = engine.run(*inside, "cat", "/proc/1/status")
            assert f"Uid:\t{USER}\t{USER}" in status, status
            assert "CapEff:\t0000000000000000" in status, status
            root = engine.run(*inside, "sh", "-c", "touch /x 2>&1 || true")
            assert "Read-only file system" in root, root
            told = engine.run("exec", *url, "unglue", "alive")
            began = time.monotonic()
            processes._running[name].terminate()  # podman passes it on to process 1
            ended = await processes.wait_for(name)
            assert ended == 0, (name, ended)
            _say(
                f"  {name}: process 1, uid {USER}, read-only root, no capability, alive ({told}); "
                f"stopped by SIGTERM in {time.monotonic() - began:.1f} s, status {ended}"
            )


def main() -> None:
    """Build and walk."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--store", type=Path, default=ROOT / ".image")
    options.add_argument("--suite", default="bookworm")
    chosen = options.parse_args()
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid():
        sys.exit(f"image-check wants root, and of Debian's packages: {' '.join(missing or _TOOLS)}")
    engine = Engine(chosen.store.resolve())
    build(engine, chosen.suite)
    look(engine)
    with tempfile.TemporaryDirectory(prefix="unglue-") as folder:
        asyncio.run(walk(engine, Path(folder)))
    _say("The image does what it should.")


if __name__ == "__main__":
    main()
