"""The one error that people see."""


class UserError(Exception):
    """What a person can cause and mend. Its message is one sentence: what was wrong with what, and what to do."""
