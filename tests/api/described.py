"""The failures that OpenAPI names."""

import re
from functools import cache

from drf_spectacular.generators import SchemaGenerator

METHODS = {"get", "post", "put", "patch", "delete"}


@cache
def described() -> dict[tuple[str, str], set[str]]:
    """By path, without the names of its parameters, and method: the codes that are named."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return {
        (plain(path), method): {
            code
            for answer in operation["responses"].values()
            for code in answer["content"].get("application/json", {}).get("examples", {})
        }
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def plain(path: str) -> str:
    """The same for a path of the description and the pattern of a route."""
    path = re.sub(r"\{[^}]*\}|\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "{}", path.removesuffix("/?$"))
    return path.replace("^", "").replace("$", "").strip("/")
