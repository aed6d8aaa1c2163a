"""What models of pairs of users and items ask of a log."""

from cadc.data.schema import ENTITY_FIELDS, Schema
from cadc.errors import UsageError


def require_user_and_item(schema: Schema, who: str) -> None:
    """Refuse a log without the fields `user` and `item`.

    Parameters
    ----------
    schema : of the log.
    who : what needs the fields, for the message.

    Raises
    ------
    UsageError : if one of the fields is missing.
    """
    missing = [name for name in ENTITY_FIELDS if name not in schema]
    if missing:
        raise UsageError(
            f"{who} needs the fields user and item, and this log lacks {' and '.join(missing)}; "
            "choose another data set, or model=dlrm."
        )
