from collections.abc import Callable

from django.contrib import admin
from django.http import HttpResponseBase
from django.urls import include, path, re_path
from django.views.generic import RedirectView

import whalefall.core.request_id  # noqa: F401 -- it listens to every request
from whalefall.core.views import UnknownPath
from whalefall.monitoring.views import metrics
from whalefall.users.pages import OwnPasswordPage, SignInPage


def to_page(name: str) -> Callable[..., HttpResponseBase]:
    """A short address of a console page; the filters come along."""
    return RedirectView.as_view(pattern_name=name, query_string=True)


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    re_path(r"^auth/login/?$", SignInPage.as_view(), name="sign-in"),
    # Before the console's own, which count no attempts.
    path("admin/login/", to_page("sign-in")),
    path("admin/password_change/", admin.site.admin_view(OwnPasswordPage.as_view())),
    path("admin/", admin.site.urls),
    path("api/v1/", include("whalefall.api")),
    re_path(r"^metrics/?$", metrics, name="metrics"),
    re_path(r"^accounts/classifications/?$", to_page("admin:accounts_classification_changelist")),
    re_path(r"^capacity/instances/?$", to_page("admin:capacity_instances")),
    re_path(r"^capacity/databases/?$", to_page("admin:capacity_databases")),
    re_path(r"^api(?:/.*)?$", UnknownPath.as_view()),
]

handler400 = "whalefall.core.views.bad_request"
handler403 = "whalefall.core.views.forbidden"
handler404 = "whalefall.core.views.not_found"
handler500 = "whalefall.core.views.server_error"
