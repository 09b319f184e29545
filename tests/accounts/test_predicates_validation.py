"""What is no rule is refused, and the complaint points at it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from accounts.predicates.schema import schema
from accounts.predicates.validation import InvalidExpression, checked

DEEP: Any = {"superuser": True}
for _ in range(60):
    DEEP = {"not": DEEP}
NUL = {"name": ["a\u0000"]}


def rule(match: Any) -> dict[str, Any]:
    return {"version": 5, "match": match}


def pointers(document: Any) -> list[str]:
    with pytest.raises(InvalidExpression) as error:
        checked(document)
    assert [one["pointer"] for one in error.value.extra["errors"]] == [
        pointer for pointer, _ in error.value.complaints
    ]
    return [pointer for pointer, _ in error.value.complaints]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, [""]),
        ([], [""]),
        ({}, ["", ""]),
        ({"version": 6, "match": {"superuser": True}}, ["/version"]),
        (rule({}), ["/match"]),
        (rule({"superuser": True, "locked": True}), ["/match"]),
        (rule({"all": [{"superuser": True}, {"superusr": True}]}), ["/match/all/1"]),
        (rule({"not": [{"superuser": True}]}), ["/match/not"]),
        (rule({"all": {"superuser": True}}), ["/match/all"]),
        (rule({"superuser": 1}), ["/match/superuser"]),
        (rule({"superuser": None}), ["/match/superuser"]),
        (rule({"kind": ["user", "robot"]}), ["/match/kind/1"]),
        (rule({"name": []}), ["/match/name"]),
        (rule({"name": "x"}), ["/match/name"]),
        (rule({"name": ["x" * 201]}), ["/match/name/0"]),
        (rule(NUL), ["/match/name/0"]),
        (rule({"name": ["\ud800"]}), ["/match/name/0"]),
        (rule({"role": {}}), ["/match/role"]),
        (rule({"role": {"name": ["a"], "reach": "far"}}), ["/match/role/reach"]),
        (rule({"privilege": {"scope": ["a/b~"]}}), ["/match/privilege/scope/0"]),
        (rule({"privilege": {"nme": ["SELECT"]}}), ["/match/privilege"]),
        (rule({"last_seen_days": {"min": -1}}), ["/match/last_seen_days/min"]),
        (rule({"last_seen_days": {"min": 10**9}}), ["/match/last_seen_days/min"]),
        (rule({"last_seen_days": {}}), ["/match/last_seen_days"]),
        (rule({"classification": ["no such thing"]}), ["/match/classification/0"]),
        (rule(DEEP), [""]),
        ({"version": 4, "expr": DEEP}, [""]),
        ({"version": 4}, [""]),
        ({"version": 4, "expr": {"op": "XOR", "args": []}}, ["/expr/op"]),
        ({"version": 4, "expr": {"op": "NOT", "args": []}}, ["/expr/op"]),
        (
            {"version": 4, "expr": {"op": "AND", "args": [{"fn": "f", "args": {}}]}},
            ["/expr/args/0/fn"],
        ),
        ({"version": 4, "expr": {"fn": "has_role", "args": {}}}, ["/expr/args/name"]),
        ({"version": 4, "expr": {"fn": "is_superuser", "args": {"x": 1}}}, ["/expr/args"]),
        ({"version": 4, "expr": {"fn": ["x"], "args": {}}}, ["/expr/fn"]),
        (
            {
                "version": 4,
                "expr": {"fn": "has_privilege", "args": {"name": "X", "scope": "table"}},
            },
            ["/expr/args/scope"],
        ),
    ],
)
def test_a_complaint_points_at_the_place(document: Any, expected: list[str]) -> None:
    assert pointers(document) == expected


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ({"name": []}, "Choose or enter at least one."),
        ({"name": [""]}, "It must not be empty."),
        ({"privilege": {}}, "Fill in at least one of name, scope, database, schema, object, "),
        ({"last_seen_days": {"min": -1}}, "At least 0."),
        ({"last_seen_days": {"max": 99_999}}, "At most 36500."),
        ({"password": ["100%"]}, "One of absent, expired, never_expires."),
        ({"superuser": "100%"}, "'100%' is not of type 'boolean'"),
    ],
)
def test_a_complaint_is_a_sentence_for_a_person(match: Any, message: str) -> None:
    with pytest.raises(InvalidExpression) as error:
        checked(rule(match))
    assert error.value.complaints[0][1].startswith(message)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(("version", "match", "expr", "op", "fn", "args", "all", "not", "name")),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=15,
)


@given(document=JSON, version=st.sampled_from((4, 5)))
def test_nothing_but_a_complaint_comes_of_any_document(document: Any, version: int) -> None:
    for one in (document, {"version": version, "expr": document}, rule(document)):
        try:
            found = checked(one)
        except InvalidExpression:
            continue
        assert checked(found) == found


def old(expr: Any) -> dict[str, Any]:
    return checked({"version": 4, "expr": expr})


def call(fn: str, /, **args: Any) -> dict[str, Any]:
    return {"fn": fn, "args": args}


@pytest.mark.parametrize(
    ("expr", "match"),
    [
        (call("is_superuser"), {"superuser": True}),
        (call("db_type_in", types=["mysql", "oracle"]), {"engine": ["mysql", "oracle"]}),
        (call("has_capability", name="GRANT_ADMIN"), {"capability": ["can_grant"]}),
        (call("has_capability", name="SUPERUSER"), {"capability": ["superuser"]}),
        (call("has_role", name="a*?\\"), {"role": {"name": ["a\\*\\?\\\\"]}}),
        (call("has_privilege", name="SELECT"), {"privilege": {"name": ["SELECT"]}}),
        *(
            (
                call("has_privilege", name="CREATE", scope=old_scope),
                {"privilege": {"name": ["CREATE"], "scope": [scope]}},
            )
            for old_scope, scope in (
                ("global", "server"),
                ("server", "server"),
                ("database", "database"),
                ("tablespace", "tablespace"),
            )
        ),
        (
            call("has_privilege", name="SELECT", scope="database", database="shop"),
            {"privilege": {"name": ["SELECT"], "scope": ["database"], "database": ["shop"]}},
        ),
        ({"op": "AND", "args": []}, {"all": []}),
        (
            {
                "op": "OR",
                "args": [call("is_superuser"), {"op": "NOT", "args": [call("is_superuser")]}],
            },
            {"any": [{"superuser": True}, {"not": {"superuser": True}}]},
        ),
    ],
)
def test_the_older_form_is_converted(expr: Any, match: Any) -> None:
    assert old(expr) == rule(match)
