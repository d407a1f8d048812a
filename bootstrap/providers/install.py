"""Makes the local providers installable: a launcher per provider that knows this project's Python.

Pulumi copies what it installs, so the launcher holds absolute paths: move the project, install again.
"""

import shlex
import sys
from pathlib import Path

__all__ = ["VERSIONS", "launcher"]

ROOT = Path(__file__).resolve().parents[2]

VERSIONS = {"docker": "5.2.0", "mysql": "3.3.3", "random": "4.21.4", "tls": "5.6.2"}
"""Provider -> the version that it stands in for: what the SDK packages in the lock file ask for."""


def launcher(name: str, folder: Path, python: Path = Path(sys.executable)) -> Path:
    """Write `folder/pulumi-resource-NAME`, an executable that starts provider `name`, and return it.

    `folder` (made where it is missing) is what `pulumi plugin install resource NAME VERSION --file FOLDER`
    takes, with the version from `VERSIONS`. `python` is the interpreter of the environment that holds the
    locked packages.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / f"pulumi-resource-{name}"
    # trap: until Python has its own answer to a SIGINT, it must not have the one that prints.
    # -P: the folder in which Pulumi was called must not shadow a package of the same name.
    script.write_text(
        "#!/bin/sh\n"
        "trap '' INT\n"
        f"PYTHONPATH={shlex.quote(str(ROOT))} "
        f'exec {shlex.quote(str(python))} -P -m mailinfra.provider.ending bootstrap.providers.{name} "$@"\n'
    )
    script.chmod(0o755)
    return script
