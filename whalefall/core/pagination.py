"""``?page=&limit=``, and the document around the items of a page."""

from math import ceil
from typing import Any

from django.core.paginator import Page, Paginator
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

MOST = 200


class Pages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "limit"
    page_query_description = "The page, from 1."
    page_size_query_description = f"Items on a page, {MOST} at most."
    invalid_page_message = "There is no page {page_number}: {message}."

    def get_page_size(self, request: Request) -> int:
        return self._number(request, "limit", self.page_size or MOST, most=MOST)

    def get_page_number(self, request: Request, paginator: Any) -> int:
        return self._number(request, "page", 1)

    def _number(self, request: Request, name: str, default: int, most: int | None = None) -> int:
        given = request.query_params.get(name, str(default))
        number = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
        if number < 1 or (most and number > most):
            end = f"from 1 to {most}" if most else "from 1 up"
            raise ValidationError({name: [f"A whole number {end}, please."]})
        return number

    def get_paginated_response(self, data: Any) -> Response:
        assert self.page is not None  # paginate_queryset was called
        total, limit = self.page.paginator.count, self.page.paginator.per_page
        return Response(
            {
                "items": data,
                "total": total,
                "page": self.page.number,
                "pages": ceil(total / limit),
                "limit": limit,
            }
        )

    def get_results(self, data: Any) -> Any:
        """For the browsable API. The data of a failure are not a page."""
        return data.get("items", [])

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        numbers = ("total", "page", "pages", "limit")
        return {
            "type": "object",
            "required": ["items", *numbers],
            "properties": {"items": schema, **{name: {"type": "integer"} for name in numbers}},
        }


class KeysFirst(Paginator):  # type: ignore[type-arg]
    """Finds the keys of a page before its rows, so that rows are read that are shown, no others.

    An index may hold all that a list filters and sorts by, but not its rows.
    """

    def page(self, number: int | str) -> "Page[Any]":
        page: Any = super().page(number)
        rows: Any = self.object_list
        page.object_list = rows.filter(pk__in=page.object_list.values("pk"))
        return page  # type: ignore[no-any-return]


class PagesOfWideRows(Pages):
    django_paginator_class = KeysFirst
