"""Every viewset of ``capacity``; ``whalefall.api`` registers them."""
