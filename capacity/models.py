"""How big databases and tables are, day by day and by period, and where that leads."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from capacity.querysets import (
    DatabaseAggregateQuerySet,
    DatabaseSizeQuerySet,
    ForecastQuerySet,
    InstanceAggregateQuerySet,
    InstanceSizeQuerySet,
    SimulatedHistoryQuerySet,
    StalePeriodQuerySet,
    TableSizeQuerySet,
)
from instances.models import Database, Instance


class Period(models.TextChoices):
    DAILY = "daily", _("daily")
    WEEKLY = "weekly", _("weekly")
    MONTHLY = "monthly", _("monthly")
    QUARTERLY = "quarterly", _("quarterly")


class DatabaseSize(models.Model):
    """How big a database was on a business day; the day's last measurement wins.

    A part that the server does not tell is NULL. Range-partitioned by month on PostgreSQL.
    """

    pk = models.CompositePrimaryKey("database", "measured_on")
    database = models.ForeignKey(
        Database, models.CASCADE, related_name="sizes", verbose_name=_("database")
    )
    measured_on = models.DateField(_("measured on"))
    measured_at = models.DateTimeField(_("measured at"))
    total_bytes = models.BigIntegerField(_("total"))
    data_bytes = models.BigIntegerField(_("data"), null=True)
    index_bytes = models.BigIntegerField(_("indexes"), null=True)
    log_bytes = models.BigIntegerField(_("log"), null=True)

    objects = DatabaseSizeQuerySet.as_manager()

    class Meta:
        verbose_name = _("database size")
        verbose_name_plural = _("database sizes")
        indexes = (models.Index(fields=["measured_on"], name="database_size_day"),)

    def __str__(self) -> str:
        return f"{self.database} {self.measured_on}"


class InstanceSize(models.Model):
    """How big an instance was on a business day: the sum of its databases present on that day.

    A database that could not be measured counts with its last known size; ``unmeasured_count``
    says how many those are, or were never measured at all. ``is_suspect``: the total is less than
    half of that of the last day before. ``limit_bytes`` is what the server itself says it can
    grow to; the instance's own ``storage_limit_bytes``, set by hand, goes before it.
    Range-partitioned by month on PostgreSQL.
    """

    pk = models.CompositePrimaryKey("instance", "measured_on")
    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="sizes", verbose_name=_("instance")
    )
    measured_on = models.DateField(_("measured on"))
    measured_at = models.DateTimeField(_("measured at"))
    total_bytes = models.BigIntegerField(_("total"))
    log_bytes = models.BigIntegerField(_("log of the whole server"), null=True)
    limit_bytes = models.BigIntegerField(_("limit that the server tells"), null=True)
    database_count = models.PositiveIntegerField(_("databases"))
    unmeasured_count = models.PositiveIntegerField(_("of these not measured"))
    is_suspect = models.BooleanField(_("suspect"), default=False)

    objects = InstanceSizeQuerySet.as_manager()

    class Meta:
        verbose_name = _("instance size")
        verbose_name_plural = _("instance sizes")
        indexes = (models.Index(fields=["measured_on"], name="instance_size_day"),)

    def __str__(self) -> str:
        return f"{self.instance} {self.measured_on}"


class TableSize(models.Model):
    """How big a table was from the business day ``valid_from`` until ``valid_to`` (NULL: still).

    One row per change, not per day: ``valid_to`` is the first day with another size, or without
    the table. ``estimated_rows`` is the server's own estimate, NULL where it has none.
    """

    database = models.ForeignKey(
        Database, models.CASCADE, related_name="tables", verbose_name=_("database")
    )
    schema = models.TextField(_("schema"), blank=True)
    name = models.TextField(_("table"))
    valid_from = models.DateField(_("since"))
    valid_to = models.DateField(_("until"), null=True)
    total_bytes = models.BigIntegerField(_("total"))
    data_bytes = models.BigIntegerField(_("data"), null=True)
    index_bytes = models.BigIntegerField(_("indexes"), null=True)
    estimated_rows = models.BigIntegerField(_("rows (estimate)"), null=True)

    objects = TableSizeQuerySet.as_manager()

    class Meta:
        verbose_name = _("table size")
        verbose_name_plural = _("table sizes")
        constraints = (
            models.UniqueConstraint(
                fields=["database", "schema", "name"],
                condition=Q(valid_to=None),
                name="table_size_unique_open",
            ),
        )
        indexes = (
            models.Index(
                fields=["-total_bytes"], condition=Q(valid_to=None), name="table_size_biggest"
            ),
            models.Index(fields=["valid_to"], name="table_size_until"),
            models.Index(
                fields=["database", "schema", "name", "valid_from"], name="table_size_history"
            ),
        )

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class Aggregate(models.Model):
    """A period of daily totals. ``avg_bytes`` is rounded half up, by integer arithmetic.

    ``change_*`` compare the average with that of the whole period before; they are NULL where
    that has none, and while the period itself is partial: it is not over, and days are missing.
    """

    period = models.CharField(_("period"), max_length=10, choices=Period.choices)
    period_start = models.DateField(_("from"))
    period_end = models.DateField(_("to"), help_text=_("The last day of the period."))
    avg_bytes = models.BigIntegerField(_("average"))
    min_bytes = models.BigIntegerField(_("minimum"))
    max_bytes = models.BigIntegerField(_("maximum"))
    first_bytes = models.BigIntegerField(_("first"))
    last_bytes = models.BigIntegerField(_("last"))
    samples = models.PositiveSmallIntegerField(_("samples"))
    expected_samples = models.PositiveSmallIntegerField(_("expected samples"))
    is_partial = models.BooleanField(_("partial"))
    previous_avg_bytes = models.BigIntegerField(_("average before"), null=True)
    change_bytes = models.BigIntegerField(_("change"), null=True)
    change_percent = models.FloatField(_("change (%)"), null=True)
    computed_at = models.DateTimeField(_("computed at"))

    class Meta:
        abstract = True


class DatabaseAggregate(Aggregate):
    database = models.ForeignKey(
        Database, models.CASCADE, related_name="aggregates", verbose_name=_("database")
    )

    objects = DatabaseAggregateQuerySet.as_manager()

    class Meta:
        verbose_name = _("database by period")
        verbose_name_plural = _("databases by period")
        constraints = (
            models.UniqueConstraint(
                fields=["database", "period", "period_start"], name="database_aggregate_unique"
            ),
        )
        indexes = (
            models.Index(fields=["period", "period_start"], name="database_aggregate_period"),
            models.Index(
                fields=["period_end"],
                condition=Q(is_partial=True),
                name="database_aggregate_partial",
            ),
        )

    def __str__(self) -> str:
        return f"{self.database} {self.period} {self.period_start}"


class InstanceAggregate(Aggregate):
    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="aggregates", verbose_name=_("instance")
    )

    objects = InstanceAggregateQuerySet.as_manager()

    class Meta:
        verbose_name = _("instance by period")
        verbose_name_plural = _("instances by period")
        constraints = (
            models.UniqueConstraint(
                fields=["instance", "period", "period_start"], name="instance_aggregate_unique"
            ),
        )
        indexes = (
            models.Index(fields=["period", "period_start"], name="instance_aggregate_period"),
            models.Index(
                fields=["period_end"],
                condition=Q(is_partial=True),
                name="instance_aggregate_partial",
            ),
        )

    def __str__(self) -> str:
        return f"{self.instance} {self.period} {self.period_start}"


class StalePeriod(models.Model):
    """A period of an instance whose measurements have changed since it was aggregated."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="+")
    period = models.CharField(max_length=10, choices=Period.choices)
    period_start = models.DateField()
    marked_at = models.DateTimeField()

    objects = StalePeriodQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["period", "period_start", "instance"], name="stale_period_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.instance} {self.period} {self.period_start}"


class Forecast(models.Model):
    """Where the size of an instance, or of one database of it, was going on ``made_on``.

    The band (``low``, ``high``) is meant to hold the outcome in 80 % of cases. The prediction is
    for ``due_on``; ``actual_bytes`` is what was measured then. ``full_*`` is when the limit is
    reached: by the band's upper edge first, by the middle, by its lower edge last; NULL is not
    within ten years.
    """

    class Status(models.TextChoices):
        GROWING = "growing", _("growing")
        NOT_GROWING = "not_growing", _("not growing")
        NOT_ENOUGH_DATA = "not_enough_data", _("not enough data")

    instance = models.ForeignKey(
        Instance, models.CASCADE, related_name="forecasts", verbose_name=_("instance")
    )
    database = models.ForeignKey(
        Database,
        models.CASCADE,
        null=True,
        related_name="forecasts",
        verbose_name=_("database"),
        help_text=_("None: the instance as a whole."),
    )
    made_on = models.DateField(_("made on"))
    status = models.CharField(_("status"), max_length=20, choices=Status.choices)
    samples = models.PositiveSmallIntegerField(_("samples"))
    window_start = models.DateField(_("trend since"), null=True)
    latest_bytes = models.BigIntegerField(_("size"), null=True)
    slope_bytes = models.BigIntegerField(_("growth per day"), null=True)
    slope_low_bytes = models.BigIntegerField(_("growth per day, at least"), null=True)
    slope_high_bytes = models.BigIntegerField(_("growth per day, at most"), null=True)
    limit_bytes = models.BigIntegerField(_("limit"), null=True)
    full_first_on = models.DateField(_("full, at the earliest"), null=True)
    full_on = models.DateField(_("full"), null=True)
    full_last_on = models.DateField(_("full, at the latest"), null=True)
    due_on = models.DateField(_("predicted for"), null=True)
    predicted_bytes = models.BigIntegerField(_("predicted"), null=True)
    low_bytes = models.BigIntegerField(_("predicted, at least"), null=True)
    high_bytes = models.BigIntegerField(_("predicted, at most"), null=True)
    actual_bytes = models.BigIntegerField(_("measured"), null=True)

    objects = ForecastQuerySet.as_manager()

    class Meta:
        verbose_name = _("forecast")
        verbose_name_plural = _("forecasts")
        constraints = (
            models.UniqueConstraint(
                fields=["database", "made_on"],
                condition=Q(database__isnull=False),
                name="forecast_unique_database",
            ),
            models.UniqueConstraint(
                fields=["instance", "made_on"],
                condition=Q(database=None),
                name="forecast_unique_instance",
            ),
        )
        indexes = (
            models.Index(fields=["made_on"], name="forecast_made"),
            models.Index(
                fields=["due_on"], condition=Q(actual_bytes=None), name="forecast_ungraded"
            ),
        )

    def __str__(self) -> str:
        return f"{self.database or self.instance} {self.made_on}"


class SimulatedHistory(models.Model):
    """The days before ``until`` on which an instance's sizes were invented for a trial."""

    instance = models.OneToOneField(Instance, models.CASCADE, related_name="simulated_history")
    until = models.DateField(help_text=_("The first day that was really measured."))

    objects = SimulatedHistoryQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.instance} before {self.until}"
