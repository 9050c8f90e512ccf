"""HTTPS without a proxy, and what is believed of one."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.https_remote import make_certificate
from tests.live_server import API_TOKEN, Git, LiveServer, Repo


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make_certificate(*files)
    return files


@pytest.fixture
def secure(tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[LiveServer]:
    """A server of two processes that speaks HTTPS."""
    cert, key = certificate
    settings = {"TREEHOLD_TLS_CERT": str(cert), "TREEHOLD_TLS_KEY": str(key)}
    with LiveServer(tmp_path / "data", workers=2, settings=settings) as server:
        yield server


def _git(folder: Path, certificate: Path, repo: Repo) -> Git:
    git = Git(folder, repo.secret)
    git("init", "-q", "work")
    work = git.at("work")
    work("config", "http.sslCAInfo", str(certificate))
    work("remote", "add", "origin", repo.remote)
    return work


def test_git_pushes_and_fetches_over_https(secure: LiveServer, tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    """The remote says https, and small and large packs go both ways under a certificate that git checks."""
    repo = secure.create("secure-repo")
    assert repo.remote == f"https://127.0.0.1:{secure.port}/git/default/secure-repo.git"
    work = _git(tmp_path, certificate[0], repo)
    for content in (b"small", os.urandom(3 << 20)):
        tip = work.commit({"file": content})
        work("push", "-q", "origin", "main")
    other = Git(tmp_path, repo.secret)
    other("-c", f"http.sslCAInfo={certificate[0]}", "clone", "-q", repo.remote, "clone")
    assert other.at("clone")("rev-parse", "HEAD") == tip
    assert "certificate" in other.fails("clone", repo.remote, "distrusting")


def test_old_protocols_and_plain_http_are_not_spoken(secure: LiveServer) -> None:
    """TLS 1.1 and plain HTTP get no answer, and the server goes on."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    for url, context in ((secure.url, old), (secure.url.replace("https", "http"), False)):
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url}/healthz", verify=context)
    assert secure.call("GET", "/repos").status_code == 200


def _serve(data: Path, *options: str | Path) -> str:
    """What a server that cannot start says."""
    done = subprocess.run(
        [sys.executable, "-m", "treehold", "serve", "--port", "0", "--data-dir", data, *options],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    said = done.stderr.decode()
    assert "Traceback" not in said
    return said


def test_a_certificate_that_cannot_serve_is_told_at_the_start(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    """One without its key, one that is not there, another's key and a key with a password are refused in words."""
    cert, key = certificate
    make_certificate(tmp_path / "other.pem", tmp_path / "other-key.pem")
    locked = tmp_path / "locked.pem"
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:secret"],
        check=True,
        capture_output=True,
    )
    data = tmp_path / "data"
    assert "give --tls-cert and --tls-key" in _serve(data, "--tls-cert", cert)
    assert "give --tls-cert and --tls-key" in _serve(data, "--tls-key", key)
    assert "No such file" in _serve(data, "--tls-cert", tmp_path / "none.pem", "--tls-key", key)
    for wrong in (tmp_path / "other-key.pem", locked):
        assert "cannot serve with the certificate" in _serve(data, "--tls-cert", cert, "--tls-key", wrong)


def test_nobody_is_believed_about_where_the_server_is(tmp_path: Path) -> None:
    """Remotes come from the settings: neither Host nor what proxies add changes them."""
    headers = {
        "Authorization": f"Bearer {API_TOKEN}",
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example;proto=https",
    }
    with LiveServer(tmp_path / "data", settings={"TREEHOLD_PUBLIC_URL": "https://git.example.com/th/"}) as server:
        answer = httpx.post(
            f"{server.base}/namespaces/default/repos", headers=headers, json={"name": "here"}, verify=False
        )
    assert answer.json()["result"]["remote"] == "https://git.example.com/th/git/default/here.git"
