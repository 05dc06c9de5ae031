"""What is stored of passwords and codes tells nothing, and each code is used up by one."""

from __future__ import annotations

from datetime import timedelta

from pwdlib.hashers.argon2 import Argon2Hasher

from service.store import passwords
from service.store.accounts import (
    Account,
    account_by_email,
    email_hashes,
    replace_recovery_codes,
    use_recovery_code,
    use_totp_step,
)
from service.store.sign_ins import count_try
from tests.make import NOON


def an_account(db) -> Account:
    account = Account(
        email="jo@bayou.example",
        email_hash=email_hashes(db, "jo@bayou.example")[0],
        password_hash="none",
        created_at=NOON,
        password_set_at=NOON,
    )
    db.add(account)
    db.flush()
    return account


def test_passwords_are_stored_as_argon2id_of_at_least_46_mib():
    assert passwords.hashed("four unrelated words").startswith("$argon2id$v=19$m=47104,t=1,p=1$")


def test_a_password_is_the_same_however_its_letters_were_composed():
    stored = passwords.hashed("contraseña muy larga")

    assert passwords.verify("contrasen\u0303a muy larga", stored)[0]


def test_who_is_not_there_costs_as_much_as_a_wrong_password(monkeypatch):
    stored = passwords.hashed("four unrelated words")
    # Tests before may have made it cheaply.
    passwords._nobodys.cache_clear()
    costs = []
    really = Argon2Hasher.verify

    def watched(hasher, password, hash_):
        costs.append(str(hash_).rsplit("$", 2)[0])
        return really(hasher, password, hash_)

    monkeypatch.setattr(Argon2Hasher, "verify", watched)
    passwords.verify("a wrong password", stored)
    passwords.verify("a wrong password", None)

    assert costs == ["$argon2id$v=19$m=47104,t=1,p=1"] * 2


def test_an_account_is_found_by_its_address_however_it_is_written(sessions):
    with sessions.begin() as db:
        account = an_account(db)

        assert account_by_email(db, " Jo@Bayou.Example ") is account


def test_of_two_who_give_one_code_at_once_one_gets_in(sessions):
    with sessions.begin() as db:
        account_id = an_account(db).id

    with sessions.begin() as db:
        first = use_totp_step(db, account_id, 5)
    with sessions.begin() as db:
        second = use_totp_step(db, account_id, 5)

    assert (first, second) == (True, False)


def test_a_recovery_code_is_used_up(sessions):
    with sessions.begin() as db:
        account_id = an_account(db).id
        replace_recovery_codes(db, account_id, ["A" * 24])

    with sessions.begin() as db:
        used = [use_recovery_code(db, account_id, "A" * 24, NOON) for _ in range(2)]

    assert used == [True, False]


def test_failures_of_yesterday_are_forgotten(sessions):
    with sessions.begin() as db:
        for _ in range(6):
            count_try(db, [(b"key", 5)], NOON)
    with sessions.begin() as db:
        assert count_try(db, [(b"key", 5)], NOON) == timedelta(seconds=2)
    with sessions.begin() as db:
        count_try(db, [(b"key", 5)], NOON + timedelta(days=1))

    with sessions.begin() as db:
        assert count_try(db, [(b"key", 5)], NOON + timedelta(days=1)) is None
