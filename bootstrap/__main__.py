"""`python3 -m bootstrap COMMAND`: refuses a Python that is too old in a sentence, then hands over."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this may well have an older one
    sys.exit(
        "Python {}.{} is too old, 3.11 is needed. Name a newer one: make up PYTHON=python3.12".format(
            *sys.version_info
        )
    )

from bootstrap.endings import open_streams

open_streams()

from bootstrap.cli import main  # noqa: E402 - with all streams from the first line on

sys.exit(main(sys.argv[1:]))
