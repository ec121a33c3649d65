"""What the cases share as fixtures: certificate files for programs that want paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker by which `nox -s libraries` leaves out what needs more than libraries."""
    config.addinivalue_line("markers", "server: needs a server that is installed on the machine")


@dataclass(frozen=True)
class CertificateFiles:
    """A server's key and certificate for localhost, and the authority's certificate, as PEM files."""

    key: Path
    certificate: Path
    authority: Path


@pytest.fixture(scope="session")
def certificate_files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """Write the files of a server on localhost."""
    import trustme

    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1", "::1")
    files = CertificateFiles(folder / "key.pem", folder / "certificate.pem", folder / "authority.pem")
    issued.private_key_pem.write_to_path(files.key)
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(files.certificate, append=number > 0)
    authority.cert_pem.write_to_path(files.authority)
    return files
