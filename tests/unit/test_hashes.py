"""What another system keeps as a password is recognised: taken where Dovecot verifies it, else named."""

import base64
import re

import pytest

from mailinfra import hashes
from mailinfra.provider.passwords import Hashing, hash_all, matches

LIGHT = Hashing(memory_kib=64, iterations=1, parallelism=1)
YESCRYPT = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$WjrDtkbzLac28EL8XpZiOr9KhK9vtHND612NbERaBw0"
GOST = "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$z40oqA1FfnfHYbkftWDQlJ8Vbld9033zsMaJIyWolS3"
SCRYPT = "$7$CU..../....SodiumChloride$cGWFvddyCJb3n/G0lpNGESQGKoi/rCsqfLovruSKc27"
SHA512 = "$6$saltsalt$zM85MwF7wzNFxhHekCkSASe1NaC/xUx1S2eoXlbcx1w6LkHRO4n1DK7q.d/HKoYFUjJ10GWDs5jLq2A53OAzU1"
SHA256 = "$5$saltsalt$vCVzagwpKquSflhQxH0D10Fgy2Km11eLAozR93EkXT6"
BCRYPT = "$2b$05$abcdefghijklmnopqrstuumsZc.XhT0ytj9DWn3tazXGoQsX4E3J2"
ARGON2I = "$argon2i$v=19$m=32768,t=4,p=1$Y2eCUcaDq11cL1T6fY4PYA$C3ejRATAzN2IHN9VOenzD6UeT8hIYMWaUZZ88dkM82E"
ARGON2ID = "$argon2id$v=19$m=65536,t=3,p=1$eCMYoZZ4nq2a/z6HDvM98w$PJ+/y5dXftnE6AqKdjfs3SUJQAacaYQkVbvEGAlVFWY"
SSHA512 = "10Qo+9qkbNZDtmmyBgh0WaoMww+SZjD07YSwhvW1XagDi9aCSYM94mAdjcUETnMwFTJhTUzJzLRKHcCk0yTavrY3mg8="
SSHA256 = "o13SbPE730LSKzto55MMnvD7CeHAx6VmBG1/4VUcB4LzBhfy"
HEX512 = base64.b64decode(SSHA512).hex()
HEX256 = base64.b64decode(SSHA256).hex()
SCRAM = f"4096,us5/pvPWzS3OCgJ9Y4r37g==,{'A' * 43}=,{'B' * 43}="
MD5 = "$1$saltsalt$ZtMHw9WXbhe3pPBkCQJKC1"

TAKEN = {
    "yescrypt of /etc/shadow": (YESCRYPT, "{CRYPT}" + YESCRYPT),
    "yescrypt with LDAP's prefix": ("{CRYPT}" + YESCRYPT, "{CRYPT}" + YESCRYPT),
    "gost-yescrypt": (GOST, "{CRYPT}" + GOST),
    "scrypt of crypt": (SCRYPT, "{CRYPT}" + SCRYPT),
    "SHA-512 of /etc/shadow": (SHA512, "{SHA512-CRYPT}" + SHA512),
    "SHA-512 of LDAP": ("{CRYPT}" + SHA512, "{SHA512-CRYPT}" + SHA512),
    "SHA-512 in lower case": ("{crypt}" + SHA512, "{SHA512-CRYPT}" + SHA512),
    "SHA-256 of /etc/shadow": (SHA256, "{SHA256-CRYPT}" + SHA256),
    "SHA-256 of Dovecot": ("{SHA256-CRYPT}" + SHA256, "{SHA256-CRYPT}" + SHA256),
    "bcrypt of LDAP": ("{CRYPT}" + BCRYPT, "{BLF-CRYPT}" + BCRYPT),
    "bcrypt of Spring": ("{bcrypt}" + BCRYPT, "{BLF-CRYPT}" + BCRYPT),
    "Argon2i": (ARGON2I, "{ARGON2I}" + ARGON2I),
    "Argon2i of Dovecot": ("{ARGON2I}" + ARGON2I, "{ARGON2I}" + ARGON2I),
    "Argon2id of OpenLDAP": ("{ARGON2}" + ARGON2ID, "{ARGON2ID}" + ARGON2ID),
    "salted SHA-512 of iRedMail": ("{SSHA512}" + SSHA512, "{SSHA512}" + SSHA512),
    "salted SHA-512 in base64": ("{SSHA512.b64}" + SSHA512, "{SSHA512}" + SSHA512),
    "salted SHA-512 in hexadecimal": ("{SSHA512.HEX}" + HEX512, "{SSHA512.HEX}" + HEX512),
    "salted SHA-256 of mailcow": ("{SSHA256}" + SSHA256, "{SSHA256}" + SSHA256),
    "salted SHA-256 in hexadecimal": ("{ssha256.hex}" + HEX256, "{SSHA256.HEX}" + HEX256),
    "SCRAM": ("{SCRAM-SHA-256}" + SCRAM, "{SCRAM-SHA-256}" + SCRAM),
}


@pytest.mark.parametrize(("declared", "stored"), TAKEN.values(), ids=TAKEN)
def test_a_hash_that_dovecot_verifies_is_taken_and_stored_under_its_own_scheme(
    declared: str, stored: str
) -> None:
    assert hashes.fault(declared) is None
    assert hash_all({"a": declared}, LIGHT) == {"a": stored}
    assert matches(stored, declared)
    assert hashes.stored_fault(stored) is None


HEX = "0123456789abcdef"
B64 = "c2FsdHNhbHRzYWx0c2FsdA"
NAMED = {
    "bcrypt-sha256 of Mailu": (f"$bcrypt-sha256$v=2,t=2b,r=12${B64 * 2}", "bcrypt-sha256"),
    "PBKDF2 of Mailu": ("$pbkdf2-sha512$25000$c2FsdA$aGFzaGhhc2hoYXNo", "passlib"),
    "PBKDF2 of passlib": (f"$pbkdf2-sha256$29000${B64}${B64}", "passlib"),
    "PBKDF2 with SHA-1": ("$pbkdf2$5000$c2FsdA$aGFzaGhhc2hoYXNo", "passlib"),
    "scrypt of passlib": (f"$scrypt$ln=16,r=8,p=1${B64}${B64}", "passlib"),
    "MD5 crypt": (MD5, "MD5 crypt"),
    "MD5 crypt of LDAP": ("{CRYPT}" + MD5, "MD5 crypt"),
    "htpasswd": ("$apr1$salt$ZtMHw9WXbhe3pPBkCQJKC1", "htpasswd"),
    "SunMD5": ("$md5,rounds=10$saltsalt$$1mhbxrPix5bxesj2w3t6l.", "SunMD5"),
    "sha1crypt": ("$sha1$4000$saltsalt$n8kMVdDBsSn0o5Im/sg5dR.WX35M", "sha1crypt"),
    "NT of BSD": ("$3$$38d92453825376bbd0ec500347903d7a", "NT hash"),
    "bcrypt 2x": ("$2x" + BCRYPT[3:], "faulty variant 2x"),
    "Argon2d": ("$argon2d$v=19$m=32768,t=4,p=1$c2FsdHNhbHQ$aGFzaGhhc2g", "Argon2d"),
    "WordPress": ("$P$B55D6LjfHDkINU5wF.v2BuuzO0/XPk/", "WordPress"),
    "phpBB": ("$H$9IQRg33IPbVsOt5Nk3fEUFwlNqOJAo.", "phpBB"),
    "Drupal": ("$S$D" + "a" * 51, "Drupal"),
    "WordPress 6.8": ("$wp" + BCRYPT, "WordPress"),
    "Django": ("pbkdf2_sha256$600000$saltsalt$aGFzaA=", "Django"),
    "Django bcrypt": ("bcrypt_sha256$" + BCRYPT, "Django"),
    "Django without a password": ("!" + "aB3" * 13 + "x", "Django's mark"),
    "Werkzeug scrypt": ("scrypt:32768:8:1$saltsaltsaltsalt$" + HEX * 8, "Werkzeug"),
    "Werkzeug PBKDF2": ("pbkdf2:sha256:600000$saltsalt$" + HEX * 4, "Werkzeug"),
    "MySQL": ("*" + HEX.upper() * 2 + "01234567", "MySQL"),
    "PostgreSQL": ("SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy", "PostgreSQL"),
    "PostgreSQL MD5": ("md5" + HEX * 2, "PostgreSQL"),
    "ASP.NET": ("AQAAAAIAAYagAAAA" + "E" * 68, "ASP.NET"),
    "NT": (HEX.upper() * 2, "MD5 or NT"),
    "LM and NT": (f"{HEX * 2}:{HEX * 2}", "LM and an NT hash"),
    "SHA-1 in hexadecimal": (HEX * 2 + "01234567", "SHA-1"),
    "SHA-256 in hexadecimal": (HEX * 4, "hexadecimal"),
    "GRUB": ("grub.pbkdf2.sha512.10000.AB.CD", "GRUB"),
    "extended DES": ("_J9..rasmah8GAkH5hS2", "extended DES"),
    "locked": ("!", "locked entry"),
    "never set": ("!!", "locked entry"),
    "no login": ("*", "locked entry"),
    "locked, of Solaris": ("*LK*", "locked entry"),
    "no password, of Solaris": ("NP", "locked entry"),
    "locked with its hash": ("!" + SHA512, "locked entry of /etc/shadow, and the password before"),
    "locked with its yescrypt": ("!" + YESCRYPT, "locked entry"),
    "LDAP's SSHA": ("{SSHA}l505h/bsRM4Nkrgyvmw+A/9qp1YsrlCx", "scheme SSHA, and is salted SHA-1"),
    "LDAP's MD5": ("{MD5}cSTACMpn4EdRL4EgxHu4VA==", "scheme MD5"),
    "Dovecot's MD5-CRYPT": ("{MD5-CRYPT}" + MD5, "scheme MD5-CRYPT, and is MD5 crypt"),
    "LDAP's PBKDF2": ("{PBKDF2-SHA256}10000$salt$hash", "scheme PBKDF2-SHA256"),
    "Spring's scrypt": ("{scrypt}$e0801$salt$hash", "scheme SCRYPT"),
    "unsalted SHA-512": ("{SHA512}UaSw18rZ+ZtXuLCs5Mjo3w==", "unsalted SHA-512"),
    "DES of LDAP": ("{CRYPT}abvOVwEVZZ8hM", "scheme CRYPT"),
    "LDIF in base64": (base64.b64encode(b"{SSHA512}" + SSHA512.encode()).decode(), "in base64"),
    "a kind of tomorrow": ("$newkind$v=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "kind that is not known"),
    "a line of /etc/shadow": (f"carol:{YESCRYPT}:19000:0:99999:7:::", "a line of another system's file"),
    "a line of htpasswd": (f"carol:{BCRYPT}", "a line of another system's file"),
    "a line of htpasswd with apr1": ("carol:$apr1$salt$ZtMHw9WXbhe3pPBkCQJKC1", "a line of"),
    "a line of a passwd-file": (f"c@example.test:{{SSHA512}}{SSHA512}:1000:1000::/home/c", "a line of"),
    "a line of docker-mailserver": (f"carol@example.test|{{SHA512-CRYPT}}{SHA512}", "a line of"),
    "a line of pwdump": (f"carol:1001:{HEX * 2}:{HEX * 2}:::", "a line of"),
    "a line of LDIF": ("userPassword: {SSHA}l505h/bsRM4Nkrgyvmw+A/9qp1YsrlCx", "a line of"),
    "Django's Argon2": ("argon2" + ARGON2ID, "Django"),
    "quoted": (f"'{SHA512}'", "something around it"),
}  # fmt: skip


@pytest.mark.parametrize(("declared", "name"), NAMED.values(), ids=NAMED)
def test_what_dovecot_cannot_verify_is_named_with_a_remedy_and_never_quoted(declared: str, name: str) -> None:
    fault = hashes.fault(declared)
    assert fault is not None, "the hash itself would log in"
    assert name in fault
    assert "{PLAIN} in front of it" in fault
    assert len(declared) < 6 or declared not in fault


@pytest.mark.parametrize(
    "password",
    [
        "$ecret!", "$$$", "$1,000,000", "$cash$money$", "!important", "!Sommer2026!", "*star*", "x", "***",
        "{curly} brackets", "{this is a pass phrase}", "correct horse battery staple", "user:password",
        "a:b:c:d:e:f:g", "deadbeef", "0123456789abcdef", "pass=word; other", "AQAAAA", "_underscore_",
        "md5", "sha1$", "sha1$5.00", "md5 sum of it", "scrypt: the film", "http://example.org/$6/x",
        "Zm9vYmFyYmF6cXV4",
        "kH7$3-2lP_qqA9xzV0tT", "$" + "a" * 40, "the $6$ bill", "2026-11-22T12:30:00", "NPC", "LKW!",
        "Y2eCUcaDq11cL1T6fY4PYA==", "Grüße$an$alle",
    ],
)  # fmt: skip
def test_a_password_that_only_looks_unusual_is_a_password(password: str) -> None:
    assert hashes.fault(password) is None
    assert not hashes.is_hash(password)
    assert hashes.clear_text(password) == password


@pytest.mark.parametrize("text", ["0123456789abcdef" * 2, MD5, "{ACME}rocket", "!", SHA512])
def test_whatever_looks_like_a_hash_is_a_password_where_somebody_says_so(text: str) -> None:
    declared = "{PLAIN}" + text
    assert hashes.fault(declared) is None
    (stored,) = hash_all({"a": declared}, LIGHT).values()
    assert stored.startswith("{ARGON2ID}$argon2id$")
    assert matches(stored, declared)
    assert matches(stored, text) is not hashes.is_hash(text), "the mark is no part of the password"
    assert hashes.fault("{PLAIN}") is not None


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ("$y$jFT$" + YESCRYPT[7:], "needs more than 65536 KiB"),
        ("$7$G" + SCRYPT[4:], "needs more than 65536 KiB"),
        (YESCRYPT[:-5], "not a well-formed CRYPT hash"),
        ("{SSHA512}" + SSHA512[:60], "not a well-formed SSHA512 hash"),
        ("{SSHA512.HEX}" + HEX512[:128], "not a well-formed SSHA512.HEX hash"),
        ("{SHA256-CRYPT}$5$rounds=99$salt$" + "a" * 43, "has rounds 99"),
        ("{SCRAM-SHA-256}" + SCRAM.replace("4096", "1"), "has rounds 1"),
        ("{CRYPT}{CRYPT}" + YESCRYPT, "more than one scheme prefix"),
    ],
)
def test_a_known_hash_that_could_not_work_is_refused(declared: str, reason: str) -> None:
    fault = hashes.fault(declared)
    assert fault is not None
    assert re.search(reason, fault)


@pytest.mark.parametrize("cost", ["j75", "j85", "j9T", "jAT"])
def test_the_costs_that_distributions_use_are_taken(cost: str) -> None:
    assert hashes.fault(f"$y${cost}${YESCRYPT[7:]}") is None


@pytest.mark.parametrize("password", ["alice's Pässwort €1", "пароль на каждый день", "ÄÖÜ" * 10])
def test_a_long_password_beyond_ascii_is_a_password(password: str) -> None:
    assert hashes.fault(password) is None
