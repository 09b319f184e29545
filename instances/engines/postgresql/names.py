"""Names as SQL wants them."""


def quoted(name: str) -> str:
    """``name`` as an identifier that means exactly this name, whatever is in it."""
    return '"{}"'.format(name.replace('"', '""'))
