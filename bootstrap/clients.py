"""Clients: the programs with which the tests meet the mail server, a browser among them.

Owns what the tests need beyond Python, and no more. Does not own the server: `make up` needs none of this.
"""

from bootstrap.machine import Machine
from bootstrap.packages import install_debian
from bootstrap.problem import Problem

NEED = "Test clients"

PROGRAMS = {
    "bind9-utils": ("named-checkzone",),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "curl": ("curl",),
    "openssl": ("openssl",),
    "swaks": ("swaks",),
}
"""Debian's package -> the programs, one of which has to be there."""

ALONG = {"swaks": ["libnet-ssleay-perl"]}
"""Debian's package -> what it only recommends: swaks without it speaks no TLS."""


def bring_clients(machine: Machine) -> None:
    """Have every client on PATH; raise Problem where only a person can install them."""
    missing = [
        package
        for package, programs in PROGRAMS.items()
        if not any(machine.find(program) for program in programs)
    ]
    if missing and not (machine.is_root and machine.find("apt-get")):
        raise Problem(
            f"the tests use {', '.join(missing)}, and only root can install that (with apt-get)",
            f"Install it: apt-get install {' '.join(missing)}",
        )
    if missing:
        along = [extra for package in missing for extra in ALONG.get(package, [])]
        install_debian(machine, NEED, sorted({*missing, *along}))
    there = ", ".join(sorted(PROGRAMS))
    machine.report.found(NEED, f"{there}, {'installed from Debian' if missing else 'on PATH'}")
