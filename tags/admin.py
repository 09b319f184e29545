from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tags.models import Tag
from tags.querysets import TagQuerySet
from whalefall.core.admin import ModelAdmin


@admin.register(Tag)
class TagAdmin(ModelAdmin):
    menu_group = _("Servers")
    menu_icon = "sell"
    menu_position = 13
    list_display = ("name", "category", "instances")
    list_filter = ("category",)
    search_fields = ("name", "category")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        tags: TagQuerySet = super().get_queryset(request)
        return tags.with_uses()

    @admin.display(description=_("instances"), ordering="instance_count")
    def instances(self, tag: Any) -> int:
        count: int = tag.instance_count
        return count
