"""What the page *Who can…?* shows, read for a person."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.http import HttpRequest
from django.utils.http import urlencode

from accounts.effective import is_grantable
from accounts.effective_forms import WhoCanForm
from accounts.effective_pages import Reach, reach
from accounts.holders import Found
from accounts.models import Account, Assignment, Classification, Securable
from accounts.objects import object_text
from accounts.trees import Drawing, date_and_sign, drawing
from accounts.who_can import Answer, who_can
from instances.engines.base import Scope
from instances.models import Database, Instance
from whalefall.core.display import page_of
from whalefall.core.errors import WhalefallError

ROWS = 50
MOST_PICKS = 200
KEPT = ("privilege", "at", "set_role")
# Parts of other things, or of the whole server.
NOT_PICKED = (Scope.COLUMN, Scope.DEFAULT, Scope.SERVER, Scope.PROXY)


@dataclass(eq=False, slots=True)
class Holder:
    """Somebody who holds the privilege on a thing, as of the moment that was asked about."""

    found: Found
    account: Account
    name: str
    classes: Sequence[Classification]
    drawing: Drawing
    reach: Reach

    @property
    def grantable(self) -> bool:
        return is_grantable(self.found.ways)


@dataclass(frozen=True, slots=True)
class Pick:
    """Something to ask about, one click away."""

    text: str
    query: str


def who_can_page(request: HttpRequest) -> dict[str, Any]:
    """In a constant number of queries."""
    is_asked = bool(request.GET.get("privilege") or request.GET.get("object"))
    form = WhoCanForm(request.GET if is_asked else None, initial=request.GET.dict())
    instances = list(Instance.objects.living().order_by("name", "pk"))
    chosen = chosen_of(request, instances)
    context = {
        "form": form,
        "instances": instances,
        "chosen": chosen,
        "privileges": suggestions([chosen] if chosen else instances),
        "databases": databases(chosen),
        "picks": picks(request, chosen),
    }
    if not form.is_valid():
        return context
    asked = dict(form.cleaned_data)
    try:
        answer = who_can(asked.pop("privilege"), asked.pop("object"), **asked)
        page = page_of(request, answer, "holders", ROWS)
        return {
            **context,
            "answer": answer,
            "page": page,
            "holders": holders(page),
            **counts(answer),
        }
    except WhalefallError as error:
        return {**context, "problem": error}


def counts(answer: Answer) -> dict[str, Any]:
    """How many hold it on each scope, and on how many instances."""
    by_scope: dict[str, int] = defaultdict(int)
    for cell in answer.cells:
        by_scope[cell.thing.scope] += cell.total
    return {
        "by_scope": {scope: total for scope, total in by_scope.items() if total},
        "on_instances": len({cell.instance.pk for cell in answer.cells if cell.total}),
    }


def holders(page: "Page[Any]") -> list[Holder]:
    found: list[Found] = list(page)
    keys = {one.account for one in found}
    accounts = Account.objects.in_bulk(keys)
    classes = classes_by_account(keys)
    shown = [
        Holder(
            one,
            accounts[one.account],
            one.effective.world.principals[one.account].name,
            classes.get(one.account, ()),
            drawing(one.effective.world, one.account, [one.ways]),
            reach(one.effective, taken_by(one), one.thing),
        )
        for one in found
        if one.account in accounts
    ]
    date_and_sign(one.drawing for one in shown)
    return shown


def taken_by(one: Found) -> int:
    """Whose way to the thing counts: that of the role that has to be taken, if any."""
    way = one.ways[0]
    return way.route[way.set_role - 1] if way.set_role else one.account


def classes_by_account(accounts: Iterable[int]) -> Mapping[int, Sequence[Classification]]:
    rows = Assignment.objects.open().filter(account__in=accounts).select_related("classification")
    found: dict[int, list[Classification]] = defaultdict(list)
    for one in rows.order_by("classification__priority", "classification__name"):
        if one.classification not in found[one.account_id]:
            found[one.account_id].append(one.classification)
    return found


# --- what may be asked ----------------------------------------------------------------------


def chosen_of(request: HttpRequest, instances: Iterable[Instance]) -> Instance | None:
    wanted = request.GET.get("instance", "")
    return next((one for one in instances if str(one.pk) == wanted), None)


def suggestions(instances: Iterable[Instance]) -> list[tuple[str, str]]:
    """``[(privilege, the engines that know it)]``, in alphabetical order."""
    known: dict[str, set[str]] = defaultdict(set)
    for engine, version in {(one.engine_class, one.version) for one in instances}:
        if engine.effective is None:
            continue
        for scope in Scope:
            for privilege in engine.effective.privileges(scope, version):
                known[privilege].add(engine.label)
    return [(privilege, ", ".join(sorted(labels))) for privilege, labels in sorted(known.items())]


def databases(chosen: Instance | None) -> list[tuple[str, str]]:
    """``[(name, as parse_object reads it)]`` of ``chosen``, or of the whole fleet."""
    rows = Database.objects.present()
    if chosen:
        rows = rows.filter(instance=chosen)
    names = rows.order_by("name").values_list("name", flat=True).distinct()
    return [(name, object_text([name])) for name in names[:MOST_PICKS]]


def picks(request: HttpRequest, chosen: Instance | None) -> list[Pick]:
    """The things that are known in ``?database=`` of ``chosen``, the first of them."""
    database = request.GET.get("database", "")
    if chosen is None or not database:
        return []
    rows = Securable.objects.filter(instance=chosen, database=database)
    parts = rows.exclude(scope__in=NOT_PICKED).order_by("schema", "name")
    names = parts.values_list("database", "schema", "name").distinct()[:MOST_PICKS]
    kept = {name: request.GET[name] for name in KEPT if name in request.GET}
    found = [object_text(part for part in one if part) for one in names]
    about = {**kept, "instance": str(chosen.pk), "database": database}
    return [Pick(one, urlencode({**about, "object": one})) for one in found]
