from django.db import models
from django.utils.translation import gettext_lazy as _

from tags.querysets import TagQuerySet


class Tag(models.Model):
    """A word that groups instances, such as ``production`` or ``team: billing``."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    category = models.CharField(_("category"), max_length=100, blank=True)

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = ("category", "name")
        verbose_name = _("tag")
        verbose_name_plural = _("tags")

    def __str__(self) -> str:
        return self.name
