from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from capacity.growth import Growth
from capacity.models import Forecast
from capacity.querysets.forecasts import Grades
from capacity.trend import LEAST_SAMPLES
from instances.models import Database, Instance
from instances.serializers import InstanceNameSerializer
from whalefall.core.calendar import check_year

NO_GRADES = Grades(graded=0, covered=0, coverage=None, mean_error_percent=None)


class GradesSerializer(serializers.Serializer[Grades]):
    """How forecasts did so far. ``coverage`` is meant to be 0.8; NULL: none was graded yet."""

    graded = serializers.IntegerField()
    covered = serializers.IntegerField()
    coverage = serializers.FloatField(allow_null=True)
    mean_error_percent = serializers.FloatField(allow_null=True)


class ForecastDatabaseSerializer(serializers.ModelSerializer[Database]):
    class Meta:
        model = Database
        fields = ("id", "name")
        read_only_fields = fields


class ForecastSerializer(serializers.ModelSerializer[Forecast]):
    """``database`` NULL: the instance as a whole.

    ``reason`` says why there is not enough data. ``error_bytes``, ``error_percent`` and
    ``is_covered`` are this forecast's own grade, NULL until its day has been measured; ``grades``
    are those of all forecasts about the same thing. ``is_simulated``: made from invented days.
    """

    instance = InstanceNameSerializer(read_only=True)  # type: ignore[assignment]
    database = ForecastDatabaseSerializer(read_only=True, allow_null=True)
    reason = serializers.SerializerMethodField()
    error_bytes = serializers.SerializerMethodField()
    error_percent = serializers.SerializerMethodField()
    is_covered = serializers.SerializerMethodField()
    is_simulated = serializers.BooleanField(read_only=True)
    grades = serializers.SerializerMethodField()

    class Meta:
        model = Forecast
        fields = (
            *("id", "instance", "database", "made_on", "status", "reason", "samples"),
            *("window_start", "latest_bytes", "slope_bytes", "slope_low_bytes"),
            *("slope_high_bytes", "limit_bytes", "full_first_on", "full_on", "full_last_on"),
            *("due_on", "predicted_bytes", "low_bytes", "high_bytes", "actual_bytes"),
            *("error_bytes", "error_percent", "is_covered", "is_simulated", "grades"),
        )
        read_only_fields = fields

    def get_reason(self, forecast: Forecast) -> str | None:
        if forecast.status != Forecast.Status.NOT_ENOUGH_DATA:
            return None
        if not forecast.samples:
            return _("It was not measured lately.")
        if forecast.samples >= LEAST_SAMPLES:
            return _("It was not measured in the last days.")
        return _(
            "It was measured on %(samples)s days since %(day)s, when it was first measured or "
            "jumped; %(least)s are needed."
        ) % {"samples": forecast.samples, "day": forecast.window_start, "least": LEAST_SAMPLES}

    def get_error_bytes(self, forecast: Forecast) -> int | None:
        if forecast.actual_bytes is None or forecast.predicted_bytes is None:
            return None
        return forecast.predicted_bytes - forecast.actual_bytes

    def get_error_percent(self, forecast: Forecast) -> float | None:
        error = self.get_error_bytes(forecast)
        return 100 * error / forecast.actual_bytes if error and forecast.actual_bytes else None

    def get_is_covered(self, forecast: Forecast) -> bool | None:
        low, actual, high = forecast.low_bytes, forecast.actual_bytes, forecast.high_bytes
        return None if low is None or actual is None or high is None else low <= actual <= high

    @extend_schema_field(GradesSerializer)
    def get_grades(self, forecast: Forecast) -> Any:
        grades = self.context["grades"]
        return GradesSerializer(
            grades.get((forecast.instance_id, forecast.database_id), NO_GRADES)
        ).data


class ForecastSummarySerializer(serializers.Serializer[Any]):
    """The newest run in numbers, and how all forecasts did that have been graded."""

    made_on = serializers.DateField(allow_null=True)
    growing = serializers.IntegerField()
    not_growing = serializers.IntegerField()
    not_enough_data = serializers.IntegerField()
    grades = GradesSerializer()


class TableGrowthSerializer(serializers.Serializer[Any]):
    schema = serializers.CharField()
    name = serializers.CharField()
    start_bytes = serializers.IntegerField()
    end_bytes = serializers.IntegerField()
    growth_bytes = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)


class DatabaseGrowthSerializer(serializers.Serializer[Any]):
    """``unexplained_bytes`` is what its tables do not explain; NULL: they were not measured."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["present", "new", "vanished", "unmeasured"])
    start_bytes = serializers.IntegerField(allow_null=True)
    end_bytes = serializers.IntegerField(allow_null=True)
    growth_bytes = serializers.IntegerField(allow_null=True)
    share = serializers.FloatField(allow_null=True)
    tables = TableGrowthSerializer(many=True)
    tables_growth_bytes = serializers.IntegerField(allow_null=True)
    unexplained_bytes = serializers.IntegerField(allow_null=True)


@extend_schema_serializer(many=False)
class GrowthSerializer(serializers.Serializer[Growth]):
    """Who made an instance grow. ``share`` is of the whole growth, negative for who shrank."""

    instance = InstanceNameSerializer()  # type: ignore[assignment]
    start = serializers.DateField()
    end = serializers.DateField()
    start_measured_on = serializers.DateField(allow_null=True)
    end_measured_on = serializers.DateField(allow_null=True)
    start_bytes = serializers.IntegerField(allow_null=True)
    end_bytes = serializers.IntegerField(allow_null=True)
    growth_bytes = serializers.IntegerField(allow_null=True)
    databases = DatabaseGrowthSerializer(many=True)
    others = serializers.IntegerField()
    others_growth_bytes = serializers.IntegerField()
    unexplained_bytes = serializers.IntegerField(allow_null=True)
    unmeasured = serializers.ListField(child=serializers.CharField())
    is_simulated = serializers.BooleanField()


class GrowthQuerySerializer(serializers.Serializer[Any]):
    """Without dates: the last 30 days."""

    instance: Any = serializers.PrimaryKeyRelatedField(queryset=Instance.objects.living())
    start = serializers.DateField(required=False, validators=[check_year])
    end = serializers.DateField(required=False, validators=[check_year])
    limit = serializers.IntegerField(default=10, min_value=1, max_value=200)
