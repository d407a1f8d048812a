"""`python -m mailinfra.cli.sbom`: which packages in which versions run in a stack's containers, as CycloneDX.

Owns the questions to Docker and the form, CycloneDX 1.6 in JSON. Does not own what is
installed (images/), nor what is told of a version's holes: that is a scanner's work, which reads this.
"""

import json
import subprocess
import sys
from typing import Annotated, Any

import typer

STACK, SERVICE = "mailinfra.stack", "mailinfra.service"  # containers/labels.py
SECONDS = 60

PACKAGES = (
    ("deb/debian", ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}\t${Package}\t${Version}\n"]),
    ("rpm/oracle", ["rpm", "--query", "--all", "--queryformat", "ii\t%{NAME}\t%{VERSION}-%{RELEASE}\n"]),
)
"""Kind of a package as in a purl -> the command that lists those of a container: state, name, version."""


class UnknownError(Exception):
    """Docker does not answer, or a container does not say what is in it."""


def ask(*arguments: str) -> str:
    """Return what `docker` prints; raise UnknownError where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            ["docker", *arguments],  # noqa: S607 - the operator's own
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnknownError(f"docker {arguments[0]}: {error}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise UnknownError(f"docker {arguments[0]}: {said[-1] if said else 'failed'}")
    return done.stdout


def bill(stack: str) -> dict[str, Any]:
    """Return what runs in the containers of `<project>-<stack>`."""
    found = ask("ps", "--quiet", "--filter", f"label={STACK}={stack}").split()
    if not found:
        raise UnknownError(f"no container of {stack!r} runs; name the stack as `<project>-<stack>`")
    images = [_image(container) for container in found]
    images.sort(key=lambda image: str(image["name"]))
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": images}


def _image(container: str) -> dict[str, Any]:
    service, image = ask(
        "inspect", "--format", f'{{{{index .Config.Labels "{SERVICE}"}}}} {{{{.Image}}}}', container
    ).split()
    return {
        "type": "container",
        "name": service,
        "version": image,
        "bom-ref": service,
        "components": _packages(container, service),
    }


def _packages(container: str, service: str) -> list[dict[str, str]]:
    for kind, command in PACKAGES:
        try:
            listed = ask("exec", container, *command)
        except UnknownError:
            continue
        rows = [line.split("\t") for line in listed.splitlines()]
        return [
            {
                "type": "library",
                "name": name,
                "version": version,
                "purl": f"pkg:{kind}/{name}@{version}",
                "bom-ref": f"{service}/{name}@{version}",
            }
            for state, name, version in sorted(rows)
            if state.startswith("ii")
        ]
    raise UnknownError(f"{service} has neither dpkg nor rpm to say what is in it")


def main(
    stack: Annotated[str, typer.Option(help="Whose containers: <project>-<stack>, such as mailinfra-prod.")],
) -> None:
    """Print which packages run in a stack's containers, as CycloneDX in JSON."""
    try:
        print(json.dumps(bill(stack), indent=2))
    except UnknownError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
