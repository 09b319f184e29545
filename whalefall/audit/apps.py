from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _

from whalefall.audit.tracked import TRACKED


class AuditConfig(AppConfig):
    name = "whalefall.audit"
    verbose_name = _("Audit")

    def ready(self) -> None:
        # Both import models, which are there by now.
        from auditlog.registry import auditlog  # noqa: PLC0415

        import whalefall.core.audit  # noqa: F401, PLC0415 -- for its receiver

        for label, tracked in TRACKED.items():
            auditlog.register(
                apps.get_model(label),
                include_fields=[*tracked.fields, *tracked.secrets],
                mask_fields=[*tracked.secrets],
                mask_callable="whalefall.core.audit.hidden",
                m2m_fields=set(tracked.many),
            )
