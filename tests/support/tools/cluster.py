"""Schedulers and workers of Dask as processes of their own, which can be killed and can be made unlike this one."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

SECONDS = 240.0  # at most, on a computer that has other things to do
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def process(*words: object, **environment: str) -> Generator[subprocess.Popen[bytes]]:
    """`python -m dask WORDS` in the project's folder, ended with the context however that ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def scheduler(folder: Path, *options: str, **environment: str) -> Generator[tuple[Path, subprocess.Popen[bytes]]]:
    """A scheduler on this machine alone: its file, once it is there, and its process."""
    file = folder / "scheduler.json"
    words = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file, *options)
    with process(*words, **environment) as running:
        until = time.monotonic() + SECONDS
        while not file.exists() or not file.read_text().strip():
            assert time.monotonic() < until
            time.sleep(0.05)
        yield file, running


@contextmanager
def worker(file: Path, name: str, preload: str = "", **environment: str) -> Generator[subprocess.Popen[bytes]]:
    """A worker of that scheduler, with one thread; `preload` is Python that it runs first."""
    words = ["worker", "--scheduler-file", file, "--nthreads", "1", "--no-dashboard", "--no-nanny", "--name", name]
    if preload:
        script = file.with_name(f"{name}.py")
        script.write_text(preload)
        words += ["--preload", script]
    with process(*words, **environment) as running:
        yield running


def address_of(file: Path) -> str:
    """Of the scheduler that wrote this file."""
    return json.loads(file.read_text())["address"]


def certificate(folder: Path) -> Mapping[str, str]:
    """The environment of a cluster whose ends show each other a certificate, which is made here."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=eie-test", "-days", "2", "-newkey", "rsa:2048", "-nodes"]
    command = ["openssl", "req", "-x509", *subject, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    ends = {
        f"DASK_DISTRIBUTED__COMM__TLS__{end}__{what}": str(path)
        for end in ("SCHEDULER", "WORKER", "CLIENT")
        for what, path in (("CERT", cert), ("KEY", key))
    }
    return {**ends, "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(cert)}
