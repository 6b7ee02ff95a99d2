"""The one error that people see, and what led to an error."""

from collections.abc import Iterator


class UserError(Exception):
    """An error that a person can cause and mend; its message is one sentence.

    The sentence says what was wrong with what, and what to do.
    """


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those before it, of which it was the consequence."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
