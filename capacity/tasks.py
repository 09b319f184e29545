"""django-q2 entry points: positional ids in, nothing out."""
