"""Every viewset of ``capacity``; ``whalefall.api`` registers them."""

from capacity.viewsets.collecting import CapacitySyncViewSet

__all__ = ["CapacitySyncViewSet"]
