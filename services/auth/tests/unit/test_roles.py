from auth.domain.roles import Role, ScopeRegistry


def test_roles_add_up(registry: ScopeRegistry) -> None:
    customer = registry.allowed([Role.CUSTOMER])
    assert customer == {"accounts:own", "keys:own", "orders:own"}
    assert registry.allowed([Role.CUSTOMER, Role.STAFF]) == customer | {"accounts:manage"}


def test_nobody_gets_anything_without_a_role(registry: ScopeRegistry) -> None:
    assert registry.allowed([]) == frozenset()
