"""Random accounts as plain Python, the rows they are stored as, and what is true of them.

Three-valued, written from the schema's words: no product code but the tables.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from django.utils import timezone

from accounts.facts import FACTS_VERSION
from accounts.models import Account
from tests.accounts.predicate_grants import Thing, all_of, any_of, fits, grant_fits
from tests.factories import (
    AccountFactory,
    AssignmentFactory,
    ClassificationFactory,
    GrantFactory,
    InstanceFactory,
    MembershipFactory,
    RoleClosureFactory,
    SectionFactory,
    SecurableFactory,
    TagFactory,
)

OWNER_ROLE = "pg_database_owner"
NAMES = [
    OWNER_ROLE,
    "ann",
    "a*n",
    "a%n",
    "a_n",
    "A[n]",
    "svc_x",
    "b.c",
    "",
    "é",
    "a\\n",
    "x@y",
    "aaaaaaaa",
]
HOSTS = ["%", "10.0.%", "localhost", ""]
PATTERNS = ["*", "a*", "?n?", "a\\*n", "a%n", "*_*", "A[n]", "*.*", "é", "a\\\\n", "*a*a*", "x@y"]
PATTERNS += ["10.*", "%", "localhost", "?", "a?n", "*@*", "zz", "\\", "pg*"]
PRIVILEGES, SCOPES = ["SELECT", "OWNER", "INSERT"], ["server", "table", "database"]
PARTS = ["", "s%p", "shop", "a\\_n", "a_n", "a%"]
CODES, TAGS, ENVIRONMENTS = ["c0", "c1"], ["dba", "web"], ["", "live"]
MAYBE, OWNS = (True, False, None), ("OWNER", "database")


@dataclass
class Server:
    engine: str
    environment: str
    tags: set[str]
    memberships: bool
    """Whether the section was read."""
    grants: bool


@dataclass
class Person:
    server: Server
    user: str
    host: str | None
    kind: str
    can_login: bool | None
    is_locked: bool | None
    is_system: bool
    facts: dict[str, bool | None]
    version: int
    attributes: dict[str, bool]
    changed: timedelta | None
    expires: timedelta | None
    seen: timedelta | None
    roles: dict[int, bool] = field(default_factory=dict)
    """By number: whether it inherits the role."""
    direct: set[int] = field(default_factory=set)
    grants: list[tuple[str, Thing, bool, bool]] = field(default_factory=list)
    """Privilege, thing, grantable, denied."""
    codes: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.user if self.host is None else f"{self.user}@{self.host}"

    def owned(self) -> set[str]:
        return {thing[1] for word, thing, _, _ in self.grants if (word, thing[0]) == OWNS}

    def says_owner(self, reach: str) -> bool | None:
        """Whether an owner has the role of owners; before PostgreSQL 16 it may not inherit it."""
        return True if reach == "any" or self.attributes.get("inherit") else None


class PredicateWorld:
    def __init__(self, seed: int, *, size: int = 30) -> None:
        self.random, self.now = Random(seed), timezone.now()
        self.rules: dict[str, list[tuple[str, Any]]] = {}
        self.servers = [self.server(n) for n in range(3)]
        self.people: list[Person] = []
        taken: set[tuple[int, str]] = set()
        while len(self.people) < size:
            one = self.person()
            place = (self.servers.index(one.server), one.name)
            if place not in taken:
                taken.add(place)
                self.people.append(one)
        for number, one in enumerate(self.people):
            self.connect(number, one)

    # --- making ---------------------------------------------------------------------------------

    def server(self, number: int) -> Server:
        pick = self.random.choice
        tags = {tag for tag in TAGS if pick((True, False))}
        engine = ("mysql", "postgresql", "toy")[number]
        return Server(engine, pick(ENVIRONMENTS), tags, pick((True, True, False)), number != 1)

    def person(self) -> Person:
        pick, server = self.random.choice, self.random.choice(self.servers)
        facts = ("superuser", "can_grant", "password_absent", "password_expired")
        moments = (None, timedelta(days=-5), timedelta(days=5), timedelta(days=50))
        return Person(
            server=server,
            user=pick(NAMES),
            host=pick(HOSTS) if server.engine == "mysql" and pick((True, True, False)) else None,
            kind=pick(("user", "user", "user", "role", "public")),
            can_login=pick(MAYBE),
            is_locked=pick(MAYBE),
            is_system=pick((True, False, False)),
            facts={name: pick(MAYBE) for name in (*facts, "password_never_expires")},
            version=pick((FACTS_VERSION, FACTS_VERSION, FACTS_VERSION, 0)),
            attributes={word: pick(MAYBE[:2]) for word in ("createdb", "inherit") if pick(MAYBE)},
            changed=pick(moments),
            expires=pick(moments),
            seen=pick(moments),
            codes={code for code in CODES if self.random.random() < 0.2},
        )

    def connect(self, number: int, one: Person) -> None:
        pick = self.random.choice
        others = [
            n for n, other in enumerate(self.people) if other.server is one.server and n != number
        ]
        for role in self.random.sample(others, min(len(others), pick((0, 1, 2)))):
            one.roles[role] = pick((True, True, False))
            if pick((True, False)):
                one.direct.add(role)
        things: list[Thing] = [("server", "", "", "")]
        things += [("table", pick(PARTS), pick(PARTS), pick(NAMES)) for _ in range(2)]
        things += [("database", pick(PARTS), "", "") for _ in range(2)]
        for thing in things:
            if self.random.random() < 0.3:
                one.grants.append(
                    (pick(PRIVILEGES), thing, pick((True, False)), pick((True, False)))
                )

    def store(self) -> list[Account]:
        instances = [self.stored_server(one) for one in self.servers]
        rows: list[Account] = [
            AccountFactory(
                instance=instances[self.servers.index(one.server)],
                name=one.name,
                kind=one.kind,
                can_login=one.can_login,
                is_locked=one.is_locked,
                is_system=one.is_system,
                facts={name: {"value": told} for name, told in one.facts.items()},
                facts_version=one.version,
                attributes=one.attributes,
                password_changed_at=one.changed and self.now - one.changed,
                password_expires_at=one.expires and self.now + one.expires,
                last_login_at=one.seen and self.now - one.seen,
            )
            for one in self.people
        ]
        classes = {code: ClassificationFactory(code=code) for code in CODES}
        things: dict[tuple[int, Thing], Any] = {}
        for row, one in zip(rows, self.people, strict=True):
            for role, inherits in one.roles.items():
                RoleClosureFactory(account=row, role=rows[role], inherits=inherits)
            for role in one.direct:
                MembershipFactory(member=row, role=rows[role])
            for privilege, thing, grantable, denied in one.grants:
                key = (row.instance_id, thing)
                if key not in things:
                    names = dict(zip(("scope", "database", "schema", "name"), thing, strict=True))
                    things[key] = SecurableFactory(instance=row.instance, **names)
                GrantFactory(
                    account=row,
                    securable=things[key],
                    privilege=privilege,
                    grantable=grantable,
                    is_denied=denied,
                    is_owner=privilege == "OWNER",
                )
            for code in one.codes:
                AssignmentFactory(account=row, classification=classes[code])
        return rows

    def stored_server(self, server: Server) -> Any:
        made = InstanceFactory(engine=server.engine, environment=server.environment)
        for tag in sorted(server.tags):
            made.tags.add(TagFactory._meta.model.objects.get_or_create(name=tag)[0])
        for name, known in (("memberships", server.memberships), ("grants", server.grants)):
            SectionFactory(instance=made, name=name, state="complete" if known else "unknown")
        return made

    # --- what is true ---------------------------------------------------------------------------

    def says(self, node: dict[str, Any], one: Person) -> bool | None:
        ((name, value),) = node.items()
        if name == "not":
            told = self.says(value, one)
            return None if told is None else not told
        if name == "all":
            return all_of([self.says(child, one) for child in value])
        if name == "any":
            return any_of([self.says(child, one) for child in value])
        answer: bool | None = getattr(self, f"says_{name}")(value, one)
        return answer

    def says_engine(self, wanted: list[str], one: Person) -> bool:
        return one.server.engine in wanted

    def says_kind(self, wanted: list[str], one: Person) -> bool:
        return one.kind in wanted

    def says_name(self, wanted: list[str], one: Person) -> bool:
        name = one.user
        if one.server.engine == "mysql" and one.host is None and "@" in name:
            name = name.rpartition("@")[0]
        return any(fits(pattern, name) for pattern in wanted)

    def says_host(self, wanted: list[str], one: Person) -> bool:
        if one.server.engine != "mysql" or "@" not in one.name:
            return False
        return any(fits(pattern, one.name.rpartition("@")[2]) for pattern in wanted)

    def says_tag(self, wanted: list[str], one: Person) -> bool:
        return bool(one.server.tags & set(wanted))

    def says_environment(self, wanted: list[str], one: Person) -> bool:
        return one.server.environment in wanted

    def fact(self, name: str, one: Person) -> bool | None:
        return one.facts.get(name) if one.version == FACTS_VERSION else None

    def says_superuser(self, wanted: bool, one: Person) -> bool | None:
        return same(self.fact("superuser", one), wanted)

    def says_locked(self, wanted: bool, one: Person) -> bool | None:
        return same(one.is_locked, wanted)

    def says_system(self, wanted: bool, one: Person) -> bool | None:
        return one.is_system == wanted

    def says_capability(self, wanted: list[str], one: Person) -> bool | None:
        told = {"can_login": one.can_login, "createdb": one.attributes.get("createdb")}
        return any_of([told[name] if name in told else self.fact(name, one) for name in wanted])

    def says_role(self, wanted: dict[str, Any], one: Person) -> bool | None:
        reach = wanted.get("reach", "inherited")
        roles = {role for role, inherits in one.roles.items() if inherits or reach == "any"}
        names = [self.people[role] for role in (one.direct if reach == "direct" else roles)]
        if reach != "direct":
            shared = [r for r in self.everybodys(one.server) if self.says_name(wanted["name"], r)]
            names += [] if one in shared else shared
        told = any_of([False, *(self.says_name(wanted["name"], role) for role in names)])
        owner_roles = [r for r in self.owner_roles(one) if self.says_name(wanted["name"], r)]
        if owner_roles and reach != "direct":
            owners = [one, *(self.people[role] for role in roles)]
            told = any_of([told, *(o.says_owner(reach) for o in owners if o.owned())])
        known = self.reads_all(one.server) if owner_roles else one.server.memberships
        return told if told or known or (reach == "direct" and one.server.memberships) else None

    def owner_roles(self, one: Person) -> list[Person]:
        if one.server.engine != "postgresql":
            return []
        return [o for o in self.people if o.server is one.server and o.name == OWNER_ROLE]

    def says_privilege(self, wanted: dict[str, Any], one: Person) -> bool | None:
        grants = list(one.grants)
        if wanted.get("effective", True):
            for role, inherits in one.roles.items():
                grants += self.people[role].grants if inherits else []
            for other in self.people:
                if other.kind == "public" and other.server is one.server:
                    grants += other.grants
            for other in self.everybodys(one.server):
                grants += other.grants
        told = any_of([False, *(grant_fits(wanted, one.server.engine, grant) for grant in grants)])
        if wanted.get("effective", True):
            told = any_of([told, *self.by_owning(wanted, one)])
        return told if told or self.reads_all(one.server) else None

    def by_owning(self, wanted: dict[str, Any], one: Person) -> list[bool | None]:
        """What the role of a database's owner was granted there."""
        owners = [one, *(self.people[role] for role, inherits in one.roles.items() if inherits)]
        return [
            all_of([owner.says_owner("inherited"), grant_fits(wanted, "postgresql", grant)])
            for owner in owners
            for role in self.owner_roles(one)
            for grant in role.grants
            if grant[1][1] in owner.owned()
        ]

    def everybodys(self, server: Server) -> list[Person]:
        """What the pseudo-roles inherit."""
        return [
            self.people[role]
            for one in self.people
            if one.kind == "public" and one.server is server
            for role, inherits in one.roles.items()
            if inherits
        ]

    def reads_all(self, server: Server) -> bool:
        return server.memberships and server.grants

    def says_password(self, wanted: list[str], one: Person) -> bool | None:
        never = self.fact("password_never_expires", one)
        by_date = None if one.expires is None else one.expires <= timedelta(0)
        if by_date is None and never:
            by_date = False
        told = {
            "absent": self.fact("password_absent", one),
            "expired": any_of([self.fact("password_expired", one), by_date]),
            "never_expires": False if one.expires is not None else never,
        }
        return any_of([told[state] for state in wanted])

    def says_password_age_days(self, wanted: dict[str, int], one: Person) -> bool | None:
        return lies(one.changed, wanted)

    def says_last_seen_days(self, wanted: dict[str, int], one: Person) -> bool | None:
        """Only the toy's servers keep logins; elsewhere any later day may be the true one."""
        if one.seen is None or one.server.engine == "toy":
            return lies(one.seen, wanted)
        possible = [one.seen * share / 100 for share in range(101)]
        if one.seen < timedelta(0):
            possible = [one.seen]
        bounds = ({bound: days} for bound, days in wanted.items())
        told = [{lies(days, bound) for days in possible} for bound in bounds]
        return all_of([one.pop() if len(one) == 1 else None for one in told])

    def says_password_expires_in_days(self, wanted: dict[str, int], one: Person) -> bool | None:
        if one.expires is None and self.fact("password_never_expires", one):
            return False
        return lies(one.expires, wanted)

    def says_classification(self, wanted: list[str], one: Person) -> bool | None:
        told: list[bool | None] = []
        for code in wanted:
            told.append(code in one.codes)
            for engine, node in self.rules.get(code, ()):
                here = not engine or one.server.engine == engine
                told.append(all_of([here, self.says(node, one)]))
        return any_of(told)


def same(told: bool | None, wanted: bool) -> bool | None:
    return None if told is None else told == wanted


def lies(days: timedelta | None, wanted: dict[str, int]) -> bool | None:
    if days is None:
        return None
    low = "min" not in wanted or days >= timedelta(days=wanted["min"])
    return low and ("max" not in wanted or days <= timedelta(days=wanted["max"]))
