from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

import whalefall.core.request_id  # noqa: F401 -- it listens to every request
from whalefall.core.views import UnknownPath

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("whalefall.api")),
    re_path(r"^api(?:/.*)?$", UnknownPath.as_view()),
]
