"""Numbers with what they count, for people: pure."""


def counted(number: int, many: str, one: str = "") -> str:
    """The number and its noun: `3 checklists`; `one` is the singular if not `many` without s."""
    if number == 1:
        many = one or (f"{many[:-3]}y" if many.endswith("ies") else many.removesuffix("s"))
    return f"{number} {many}"
