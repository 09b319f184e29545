"""The predicate tree of a classification rule: its schema, its checks, and the Q it becomes."""
