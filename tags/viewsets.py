from tags.models import Tag
from tags.serializers import TagSerializer
from whalefall.core.api import AtomicModelViewSet
from whalefall.core.errors import WhalefallError


class TagInUse(WhalefallError):
    """Deleting it would silently take it off its instances."""

    code = "TAG_IN_USE"
    http_status = 409
    category = "conflict"
    suggestions = ("Take it off its instances first.",)


class TagViewSet(AtomicModelViewSet[Tag]):
    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    filterset_fields = ("category",)
    search_fields = ("name", "category")
    ordering_fields = ("name", "category")
    ordering = ("category", "name")

    def perform_destroy(self, instance: Tag) -> None:
        used = instance.instances.count()
        if used:
            raise TagInUse(f"The tag {instance} is on {used} instance(s).")
        instance.delete()
