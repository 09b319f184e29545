"""The bases of every admin class, and the only place that knows django-unfold."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponseBase
from django.http.response import HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.admin import TabularInline as UnfoldTabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.views import ChangeList
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

if TYPE_CHECKING:
    from whalefall.users.models import User

__all__ = [
    "AdminPasswordChangeForm",
    "DefaultedFilter",
    "ModelAdmin",
    "PasswordInput",
    "ReadOnlyModelAdmin",
    "ReadOnlyTabularInline",
    "Select",
    "TextInput",
    "UserChangeForm",
    "UserCreationForm",
    "console_page",
    "page_of_console",
    "signed_in",
]

PasswordInput = UnfoldAdminPasswordWidget
Select = UnfoldAdminSelectWidget
TextInput = UnfoldAdminTextInputWidget


class CompletedChangeList(ChangeList):
    """Lets the admin add to the rows of the page what is not in their own columns."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # Equal counts: our lists have filters that are always on, so "show all" would be untrue.
        self.full_result_count = self.result_count
        rows = list(self.result_list)
        self.model_admin.complete(rows)
        self.result_list = rows


def signed_in(request: HttpRequest) -> "User":
    """Who asks."""
    assert request.user.is_authenticated  # the admin site lets nobody else in
    return request.user


class ModelAdmin(UnfoldModelAdmin):
    """An admin in the menu, whose buttons beyond saving are POST views.

    ``menu_group`` and ``menu_icon`` (a Material symbol) put it into the menu. ``post_views`` names
    methods ``(request, row) -> response``, served at ``<row>/<name>/`` for whoever
    ``has_<name>_permission``.
    """

    menu_group: Any = ""
    menu_icon = ""
    menu_position = 100
    menu_title: Any = ""
    """Where the model's own name says too little."""
    post_views: tuple[str, ...] = ()
    list_per_page = 100
    list_max_show_all = 200
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    empty_value_display = "–"

    def menu_badge(self) -> str:
        """A short text beside the menu entry."""
        return ""

    def complete(self, rows: list[Any]) -> None:
        """Give the rows of one list page what they show, in a constant number of queries."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CompletedChangeList

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        return [*(self._post_url(name) for name in self.post_views), *urls]

    def url_name(self, view: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{view}"

    def _post_url(self, name: str) -> URLPattern:
        def view(request: HttpRequest, object_id: str) -> HttpResponseBase:
            row = self.row_or_404(request, object_id)
            if not getattr(self, f"has_{name}_permission")(request):
                raise PermissionDenied
            return getattr(self, name)(request, row)  # type: ignore[no-any-return]

        url: URLPattern = path(
            f"<path:object_id>/{name}/",
            self.admin_site.admin_view(require_POST(view)),
            name=self.url_name(name),
        )
        return url

    def row_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """The row of ``object_id``. Raises Http404, or PermissionDenied if it may not be seen."""
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            raise Http404
        return row

    def page_response(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        """A page of the console that is not a form."""
        base = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, template, {**base, **context})


class ReadOnlyModelAdmin(ModelAdmin):
    """Rows that somebody else writes: a list, and a page of its own for each."""

    page_template: ClassVar[str]

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The context of a row's page."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.row_or_404(request, object_id)
        context = {"original": row, **self.page(request, row), **(extra_context or {})}
        return self.page_response(request, self.page_template, str(row), context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyTabularInline(UnfoldTabularInline):
    """Rows below another row's form that nobody edits there."""

    extra = 0
    max_num = 0
    can_delete = False
    per_page = 20
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class DefaultedFilter(admin.SimpleListFilter):
    """A filter that is always on: without a choice it is ``default``, not "all"."""

    default: ClassVar[str]

    def chosen(self) -> str:
        value = self.value()
        known = {str(key) for key, _ in self.lookup_choices}
        return value if value in known else self.default

    def choices(self, changelist: Any) -> Iterator[Any]:
        for key, title in self.lookup_choices:
            yield {
                "selected": self.chosen() == str(key),
                "query_string": changelist.get_query_string({self.parameter_name: key}),
                "display": title,
            }


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """A view at ``admin/<route>``, for what no ModelAdmin can show; named ``admin:<name>``.

    With ``menu_icon`` it has an entry in the menu, for whoever has ``permission``.
    """

    view: Callable[..., HttpResponseBase]
    route: str
    name: str
    permission: str
    title: Any = ""
    menu_group: Any = ""
    menu_icon: str = ""
    menu_position: int = 100

    def url(self) -> URLPattern:
        def checked(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perm(self.permission):
                raise PermissionDenied
            return self.view(request, **kwargs)

        return path(self.route, admin.site.admin_view(checked), name=self.name)

    def menu_item(self) -> dict[str, Any]:
        link = reverse(f"admin:{self.name}")
        return {"title": self.title, "icon": self.menu_icon, "link": link}


PAGES: list[ConsolePage] = []


def console_page(
    route: str, name: str, permission: str, **menu: Any
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Make the decorated view a ConsolePage; ``menu`` are its fields from ``title`` on."""

    def register(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        PAGES.append(ConsolePage(view, route, name, permission, **menu))
        return view

    return register


def page_of_console(
    request: HttpRequest, template: str, title: str, context: dict[str, Any]
) -> HttpResponse:
    """The answer of a console page: ``template`` inside the console."""
    base = {**admin.site.each_context(request), "title": title}
    return TemplateResponse(request, template, {**base, **context})


# django-unfold's site puts these before its own; Django's catch-all would swallow what follows.
admin.site.extra_urls = lambda: [page.url() for page in PAGES]  # type: ignore[attr-defined]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu: what the user may see, in the order and groups that admins and pages name."""
    admins = [
        one
        for one in admin.site._registry.values()
        if isinstance(one, ModelAdmin) and one.menu_icon and one.has_view_permission(request)
    ]
    pages = [one for one in PAGES if one.menu_icon and request.user.has_perm(one.permission)]
    groups: dict[str, list[dict[str, Any]]] = {}
    entries = [(one.menu_position, one.menu_group, _menu_item(one)) for one in admins]
    entries += [(one.menu_position, one.menu_group, one.menu_item()) for one in pages]
    for _position, group, item in sorted(entries, key=itemgetter(0)):
        groups.setdefault(str(group), []).append(item)
    home = {"title": _("Overview"), "icon": "home", "link": reverse("admin:index")}
    return [
        {"items": [home]},
        *({"title": title, "separator": True, "items": items} for title, items in groups.items()),
    ]


def _menu_item(one: ModelAdmin) -> dict[str, Any]:
    item = {
        "title": capfirst(one.menu_title or one.opts.verbose_name_plural),
        "icon": one.menu_icon,
        "link": reverse(f"admin:{one.url_name('changelist')}"),
    }
    badge = one.menu_badge()
    return {**item, "badge": badge, "badge_variant": "warning"} if badge else item
