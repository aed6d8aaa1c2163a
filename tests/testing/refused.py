"""What a contract test says of a broken component."""

import pytest


def refused(check, *arguments, **options) -> str:
    """The one sentence of the AssertionError that a check raises."""
    with pytest.raises(AssertionError) as error:
        check(*arguments, **options)
    assert str(error.value).endswith("."), "a sentence"
    return str(error.value)
