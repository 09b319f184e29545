"""What the demo prints about sizes."""

from collections.abc import Iterable, Iterator

from capacity.models import DatabaseSize, Forecast, InstanceSize, TableSize
from instances.models import Instance
from whalefall.core.display import human_bytes

Tables = dict[int, int]
"""Bytes by the key of a table's row, which stays while the day lasts."""


def table_sizes(instances: Iterable[Instance]) -> Tables:
    tables = TableSize.objects.filter(database__instance__in=list(instances), valid_to=None)
    return dict(tables.values_list("pk", "total_bytes"))


def size_lines(instance: Instance, before: Tables) -> Iterator[str]:
    """The instance, its databases, the tables that grew since ``before``, and when it is full."""
    size = InstanceSize.objects.filter(instance=instance).latest("measured_on")
    yield f"{instance}: {human_bytes(size.total_bytes)} in {size.database_count} databases"
    sizes = DatabaseSize.objects.filter(
        database__instance=instance, measured_on=size.measured_on, database__is_system=False
    ).select_related("database")
    for one in sizes.order_by("-total_bytes")[:5]:
        yield f"  {one.database!s:<20} {human_bytes(one.total_bytes):>10}"
    tables = TableSize.objects.filter(database__instance=instance, valid_to=None)
    grown = [(one.total_bytes - before.get(one.pk, 0), one) for one in tables.select_related()]
    for bytes_more, table in sorted(grown, key=lambda pair: -pair[0])[:2]:
        if bytes_more > 0:
            yield f"  grew by {human_bytes(bytes_more)}: {table.database}.{table}"
    yield f"  {forecast_line(instance)}"


def forecast_line(instance: Instance) -> str:
    forecast = Forecast.objects.filter(instance=instance, database=None).latest("made_on")
    if forecast.full_on is None or forecast.slope_bytes is None:
        return f"forecast: {forecast.get_status_display()}"
    last = forecast.full_last_on or "later than ten years from now"
    return (
        f"grows by {human_bytes(forecast.slope_bytes)} a day; the limit of "
        f"{human_bytes(forecast.limit_bytes or 0)} is reached about {forecast.full_on} "
        f"(between {forecast.full_first_on} and {last})"
    )
