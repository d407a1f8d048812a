"""What a person has to put right: one sentence for what is wrong, one for the remedy."""


class Problem(Exception):  # noqa: N818 - a sentence for the user, not a programming error
    """Ends the command with two sentences instead of a traceback."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}.")
        self.what = what
        self.remedy = remedy
