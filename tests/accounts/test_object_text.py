"""An object is written so that it is read back as itself."""

from hypothesis import given
from hypothesis import strategies as st

from accounts.objects import object_text, parse_object


@given(st.lists(st.text(min_size=1, max_size=6), max_size=4))
def test_what_is_written_is_read_back(names: list[str]) -> None:
    assert parse_object(object_text(names)) == tuple(names)


def test_plain_names_stand_without_quotes() -> None:
    assert object_text(["shop", "sales", "it.ems", 'a"b', "größe"]) == (
        'shop.sales."it.ems"."a""b".größe'
    )
    assert object_text([]) == "*"
