"""Who may write, commit, queue and go on after an error: architecture §2, walked through the code.

``make check`` runs this file alone; it needs no database.
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from whalefall.core.fallbacks import FallbackReason

ROOT = Path(__file__).resolve().parents[1]
APPS = ("accounts", "capacity", "instances", "sync_sessions", "tags", "whalefall")
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for app in APPS
    for path in (ROOT / app).rglob("*.py")
    if "migrations" not in path.parts
)

EDGES = ("admin.py", "viewsets.py")
OWN_ROW = (*EDGES, "models.py", "serializers.py", "forms.py")
TRANSACTIONS = {
    "accounts/held.py": "a decision is all or nothing, alone or inside the write that it allows",
    "accounts/sync.py": "a run opens the one short transaction of its write itself",
    "capacity/aggregate.py": "a run opens the short transactions of its writes itself",
    "capacity/collect.py": "a run opens the one short transaction of its write itself",
    "capacity/forecast.py": "a run opens the one short transaction of its write itself",
    "sync_sessions/fleet.py": "a long run about the whole fleet commits after each of its steps",
    "sync_sessions/cluster.py": "the workers' own entry, where nobody asks for anything",
    "sync_sessions/jobs.py": "the start of a schedule, which the queue and people share",
    "sync_sessions/launch.py": "a session and its records; each end commits before the next step",
    "sync_sessions/querysets.py": "the savepoint of a claim, whose IntegrityError is an answer",
    "whalefall/core/api.py": "the atomic base of the viewsets",
    "whalefall/demo/trying.py": "the entry of the demo",
}
WRITES = {
    "instances/adding.py": "one living instance and its credential, each found by its name",
    "sync_sessions/schedules.py": "the table is django-q's, which has no QuerySet of ours",
    "whalefall/core/audit.py": "the table is django-auditlog's, which has no QuerySet of ours",
    "whalefall/demo/trying.py": "the trial's own user",
    "whalefall/users/apps.py": "Django's groups, which have no QuerySet of ours",
    "whalefall/users/tokens.py": "the tables are simplejwt's, which have no QuerySet of ours",
}
TRANSACTION_WORDS = {
    f"transaction.{word}" for word in ("atomic", "commit", "rollback", "set_autocommit")
}
ALWAYS_WRITES = {"bulk_create", "bulk_update", "get_or_create", "update_or_create"}


@cache
def tree(name: str) -> ast.Module:
    module = ast.parse((ROOT / name).read_text())
    for node in ast.walk(module):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
    return module


@cache
def commented_lines(name: str) -> frozenset[int]:
    tokens = tokenize.generate_tokens(io.StringIO((ROOT / name).read_text()).readline)
    return frozenset(token.start[0] for token in tokens if token.type == tokenize.COMMENT)


def calls(name: str) -> Iterator[tuple[ast.Call, str]]:
    """Every call of a method, with the method's name."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func.attr


def ancestors(node: ast.AST) -> Iterator[ast.AST]:
    while parent := getattr(node, "parent", None):
        yield parent
        node = parent


def at(name: str, nodes: list[ast.AST]) -> str:
    return "".join(f"\n  {name}:{getattr(node, 'lineno', '?')}" for node in nodes)


def is_edge(name: str) -> bool:
    return name.endswith(EDGES) or "/management/" in name or "/viewsets/" in name


@pytest.mark.parametrize("name", FILES)
def test_only_entries_open_transactions(name):
    found: list[ast.AST] = [
        node
        for node in ast.walk(tree(name))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in TRANSACTION_WORDS)
        or (isinstance(node, ast.ImportFrom) and node.module == "django.db.transaction")
    ]

    assert not found or is_edge(name) or name in TRANSACTIONS, (
        f"A transaction outside an entry:{at(name, found)}\n"
        "Let the command, viewset or admin view that calls this open it, so that a caller can "
        "make one unit of several steps. A run that must open its own is named in TRANSACTIONS, "
        "with the reason."
    )


def writes_many(call: ast.Call, method: str) -> bool:
    """A write through a manager or QuerySet. ``dict.update`` and ``set.update`` take positions."""
    if method == "update":
        return bool(call.keywords) and not call.args
    if method == "create":
        return ast.unparse(call.func) != "super().create"
    return method in ALWAYS_WRITES


@pytest.mark.parametrize("name", FILES)
def test_only_querysets_write_tables(name):
    found: list[ast.AST] = [call for call, method in calls(name) if writes_many(call, method)]

    assert not found or "/querysets" in name or name in WRITES, (
        f"A table is written outside its QuerySet:{at(name, found)}\n"
        "Give the QuerySet in querysets.py a method that says what is done (a verb), and call "
        "that. The QuerySet is the repository: whoever looks for a write finds it there."
    )


@pytest.mark.parametrize("name", FILES)
def test_only_edges_and_models_save_their_own_row(name):
    found: list[ast.AST] = [
        call
        for call, method in calls(name)
        if method == "save" or (method == "delete" and not call.args)
    ]

    allowed = name.endswith(OWN_ROW) or "/querysets" in name or name in WRITES
    assert not found or allowed, (
        f"A row is saved or deleted far from home:{at(name, found)}\n"
        "save() writes every column, also those that another process has changed meanwhile. Use "
        "a conditional update in a QuerySet method, or a method of the model."
    )


@pytest.mark.parametrize("name", FILES)
def test_work_is_queued_on_commit_only(name):
    found: list[ast.AST] = [
        node
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Name)
        and node.id == "async_task"
        and not any(
            isinstance(one, ast.Call) and ast.unparse(one.func) == "transaction.on_commit"
            for one in ancestors(node)
        )
    ]

    assert not found, (
        f"Work is queued before the commit:{at(name, found)}\n"
        "A worker may be quicker than the transaction, and find nothing. Write "
        "transaction.on_commit(partial(async_task, …)), with positional ids only."
    )


@pytest.mark.parametrize("name", FILES)
def test_queued_work_gets_positional_ids_only(name):
    found: list[ast.AST] = [
        node
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Call)
        and node.keywords
        and any(isinstance(one, ast.Name) and one.id == "async_task" for one in node.args)
    ]

    assert not found, (
        f"A task gets arguments by name:{at(name, found)}\n"
        "async_task swallows names such as sync, group, cluster and timeout. Pass positions."
    )


def speaks(handler: ast.ExceptHandler) -> bool:
    """Whether it raises, logs, or does something with the error."""
    nodes = [node for one in handler.body for node in ast.walk(one)]
    return any(
        isinstance(node, ast.Raise)
        or (isinstance(node, ast.Name) and node.id == handler.name)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log"))
        for node in nodes
    )


def is_explained(name: str, node: ast.AST) -> bool:
    """Whether a comment stands in the lines of ``node``, which says why silence is right."""
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
    return not commented_lines(name).isdisjoint(range(first, last + 1))


# The demo starts and ends processes of the machine: it mirrors nothing that silence could falsify.
@pytest.mark.parametrize("name", [name for name in FILES if "/demo/" not in name])
def test_no_error_is_passed_over_in_silence(name):
    silent: list[ast.AST] = [
        node
        for node in ast.walk(tree(name))
        if isinstance(node, ast.ExceptHandler) and not speaks(node) and not is_explained(name, node)
    ]
    silent += [
        node
        for node in ast.walk(tree(name))
        if isinstance(node, ast.With)
        and any(ast.unparse(item.context_expr).startswith("suppress(") for item in node.items)
        and not is_explained(name, node)
    ]

    assert not silent, (
        f"An error is passed over:{at(name, silent)}\n"
        "Where the code goes on with a default, a skip or a part, call log_fallback(…) with a "
        "FallbackReason. Where the error is itself the answer, say so in a comment beside it."
    )


def test_every_fallback_reason_is_used():
    used = {
        node.attr
        for name in FILES
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "FallbackReason"
    }

    assert used == {reason.name for reason in FallbackReason}, (
        "Remove the reason that nobody gives any more; a page may still look for it."
    )


def test_fallbacks_are_logged_by_the_one_helper():
    by_hand = [
        f"{name}:{call.lineno}"
        for name in FILES
        for call, _ in calls(name)
        if any(word.arg in {"fallback", "fallback_reason"} for word in call.keywords)
        and name != "whalefall/core/fallbacks.py"
    ]

    assert not by_hand, "Call log_fallback(…), so that every reason is in one list."


@pytest.mark.parametrize("exceptions", [TRANSACTIONS, WRITES])
def test_every_exception_is_still_one(exceptions):
    assert not [name for name in exceptions if name not in FILES]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (test_only_entries_open_transactions, "with transaction.atomic(): ..."),
        (test_only_entries_open_transactions, "transaction.set_autocommit(False)"),
        (test_only_entries_open_transactions, "from django.db.transaction import atomic"),
        (test_only_querysets_write_tables, "Account.objects.create(name='a')"),
        (test_only_querysets_write_tables, "rows.filter(pk=1).update(name='a')"),
        (test_only_querysets_write_tables, "Account.objects.bulk_create(rows)"),
        (test_only_querysets_write_tables, "Account.objects.update_or_create(name='a')"),
        (test_only_edges_and_models_save_their_own_row, "account.save()"),
        (test_only_edges_and_models_save_their_own_row, "Account.objects.all().delete()"),
        (test_work_is_queued_on_commit_only, "async_task('a.b', 1)"),
        (test_work_is_queued_on_commit_only, "queue = async_task"),
        (test_queued_work_gets_positional_ids_only, "partial(async_task, 'a.b', sync=True)"),
        (test_no_error_is_passed_over_in_silence, "try: f()\nexcept ValueError: pass"),
        (test_no_error_is_passed_over_in_silence, "try: f()\nexcept ValueError: x = None"),
        (test_no_error_is_passed_over_in_silence, "with suppress(ValueError): f()"),
    ],
)
def test_rule_finds_what_it_forbids(rule, code, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(f"{code}\n")

    with pytest.raises(AssertionError, match=r"module\.py:1|module\.py:2"):
        rule(str(path))


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (test_only_querysets_write_tables, "found.update({'a': 1})"),
        (
            test_work_is_queued_on_commit_only,
            "transaction.on_commit(partial(async_task, 'a.b'))",
        ),
        (test_no_error_is_passed_over_in_silence, "try: f()\nexcept ValueError: raise X from None"),
        (
            test_no_error_is_passed_over_in_silence,
            "try: f()\nexcept ValueError: log_fallback('x', FallbackReason.X)",
        ),
        (test_no_error_is_passed_over_in_silence, "try: f()\nexcept ValueError:  # why\n    pass"),
    ],
)
def test_rule_lets_pass_what_is_right(rule, code, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(f"{code}\n")

    rule(str(path))
