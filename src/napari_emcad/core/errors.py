"""The one error that people see."""


class UserError(Exception):
    """An error that a person can cause and mend; its message is one sentence.

    The sentence says what was wrong with what, and what to do.
    """
