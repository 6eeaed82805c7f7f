"""`unglue sandbox` whose passwords carry their values, as IT Glue's may."""

import os
from typing import Any

from service.cli import main
from service.sandbox import populate

_plain = populate._password


def _with_its_value(number: int, *, archived: bool) -> dict[str, Any]:
    return {**_plain(number, archived=archived), "password": os.environ["PASSWORD_VALUE"]}


if __name__ == "__main__":
    populate._password = _with_its_value
    main()
