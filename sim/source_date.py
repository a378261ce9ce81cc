"""The date that outputs carry, which a user may set so that they are the same again."""

import os
from datetime import UTC, datetime

from model.errors import EieError


def source_date() -> datetime:
    """Now or, for reproducible output, what SOURCE_DATE_EPOCH says; EieError unless that is seconds since 1970."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise EieError(f"SOURCE_DATE_EPOCH must be seconds since 1970, got {epoch!r}") from error
