"""Puts the service together: the only place that reads settings and knows every layer."""

from functools import partial

from auth import events, registry
from auth.api import accounts, api_keys, audit_entries, oauth, password_resets
from auth.api.deps import Parts
from auth.crypto.access_tokens import SignedAccessTokens
from auth.crypto.fingerprints import Fingerprints
from auth.crypto.keyring import Keyring, make_key
from auth.crypto.passwords import LEAST, OWASP, Argon2Passwords
from auth.crypto.sealing import Sealer
from auth.data.directory import SqlDirectory
from auth.data.mails import MailReader
from auth.data.units import SqlUnits
from auth.domain.clients import Grant
from auth.domain.derived_tokens import DerivedTokens
from auth.domain.families import FamilyLife
from auth.domain.grants import (
    ApiKeyExchange,
    ClientCredentialsGrant,
    PasswordGrant,
    RefreshGrant,
    TokenEndpoint,
    TokenGrant,
    UserTokens,
)
from auth.domain.operations import Operations
from auth.domain.password_changes import PasswordService
from auth.domain.rotation import KeyService
from auth.domain.signing_in import PasswordCheck
from auth.domain.token_services import ClientAuthentication, Introspection, Revocation
from auth.settings import PasswordSettings, Settings
from auth.workers.upkeep import RETENTION_SECONDS, ROTATION_SECONDS, Upkeep
from chassis.addresses import TrustedProxies
from chassis.app import Service
from chassis.clock import Clock
from chassis.security import USERS, TokenVerifier

__all__ = ["Settings", "build"]


def build(settings: Settings, *, clock: Clock | None = None) -> Service:
    """Build the service; nothing is opened yet."""
    service = Service(settings, name="auth", clock=clock)
    database = service.use_database(settings.database, publish=events.publish)
    service.use_broker(settings.broker)
    units = SqlUnits(database, development_mails=settings.mail.mode == "development")
    known = registry.read()
    sealer = Sealer(settings.keys.secrets())
    keys = KeyService(units, service.clock, settings.keys.schedule(), partial(make_key, sealer))
    keyring = Keyring(keys.list, sealer, service.clock)
    service.open("keyring", keyring.lifespan, check=keyring.check)
    service.use_tokens(settings.tokens, keys=keyring)
    hasher = _hasher(settings.passwords)
    service.open("hasher", hasher.lifespan)
    service.app.state.auth = _parts(settings, service.clock, units, SqlDirectory(database), known, keyring, hasher)
    upkeep = Upkeep(units, keys, service.clock, known.clients, settings.client_secrets())
    mails = MailReader(database) if settings.mail.mode == "development" else None
    service.app.state.operations = Operations(units, service.clock, hasher, keys, upkeep.apply_clients, mails)
    service.prepare("signing key", upkeep.rotate_keys)
    service.prepare("clients", partial(_apply_clients, upkeep))
    service.every("signing-keys", ROTATION_SECONDS, upkeep.rotate_keys)
    service.every("auth-retention", RETENTION_SECONDS, upkeep.keep_retention)
    # The first route that matches is taken: `me` is not somebody's id.
    service.include(accounts.router, password_resets.router, api_keys.router, audit_entries.router)
    service.include(oauth.router, oauth.well_known)
    return service


async def _apply_clients(upkeep: Upkeep) -> bool:
    return (await upkeep.apply_clients()).anything


def _hasher(settings: PasswordSettings) -> Argon2Passwords:
    effort = LEAST if settings.effort == "least" else OWASP
    return Argon2Passwords(threads=settings.threads, most_waiting=settings.most_waiting, effort=effort)


def _parts(
    settings: Settings,
    clock: Clock,
    units: SqlUnits,
    directory: SqlDirectory,
    known: registry.Registry,
    keyring: Keyring,
    hasher: Argon2Passwords,
) -> Parts:
    issuer = settings.tokens.issuer
    secrets = settings.keys.secrets()
    paces = settings.guessing.paces()
    refresh_tokens = DerivedTokens(secrets, purpose="refresh token", prefix="twr_")
    reset_tokens = DerivedTokens(secrets, purpose="password reset", prefix="twp_")
    # Introspection is asked for the truth of this moment: nothing is remembered.
    everybody = TokenVerifier(
        issuer=issuer, audiences=(USERS, *known.audiences), keys=keyring, clock=clock, cache_size=0
    )
    tokens = SignedAccessTokens(issuer=issuer, keyring=keyring, verifier=everybody, clock=clock)
    check = PasswordCheck(units, hasher, clock, paces)
    users = UserTokens(known.scopes, tokens)
    life = FamilyLife()
    grants: dict[Grant, TokenGrant] = {
        Grant.REFRESH: RefreshGrant(units, users, refresh_tokens, life, clock),
        Grant.CLIENT_CREDENTIALS: ClientCredentialsGrant(tokens),
        Grant.TOKEN_EXCHANGE: ApiKeyExchange(units, users, clock),
    }
    if settings.password_grant:
        grants[Grant.PASSWORD] = PasswordGrant(units, check, users, refresh_tokens, life, clock)
    return Parts(
        issuer=issuer,
        clock=clock,
        units=units,
        directory=directory,
        registry=known.scopes,
        hasher=hasher,
        passwords=PasswordService(units, hasher, check, reset_tokens, clock, paces),
        authenticate=ClientAuthentication(units),
        token_endpoint=TokenEndpoint(grants),
        revocation=Revocation(units, refresh_tokens, clock),
        introspection=Introspection(units, tokens),
        jwks=keyring.jwks,
        fingerprint=Fingerprints(secrets[0]),
        proxies=TrustedProxies(settings.trusted_proxies),
    )
