"""The search for secrets sees each form in which one may be written down, and nothing else."""

import base64
import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import canaries
from tests.canaries import PIECE, Random
from tests.e2e.stackfile import ALICE, BOB, PASSWORDS

GENERATED = Random("Aq7zR2mK9xW4pL6vT1nB8cY3dF5gH0jS")

WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "backwards": lambda text: text[::-1],
    "hexadecimal": lambda text: text.encode().hex(),
    "HEXADECIMAL": lambda text: text.encode().hex().upper(),
    "in JSON": json.dumps,
    "in JSON, as it is": lambda text: json.dumps(text, ensure_ascii=False),
    "in JSON in JSON": lambda text: json.dumps(json.dumps({"key": text})),
    "in a URL": quote,
    "in a form": lambda text: urlencode({"_pass": text}),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 behind one": lambda text: base64.b64encode(b"\0" + text.encode() + b"\0").decode(),
    "in base64 behind two": lambda text: base64.urlsafe_b64encode(b"u\0" + text.encode() + b"\n").decode(),
    "in UTF-16": lambda text: text.encode("utf-16-le").decode("utf-8", "surrogateescape"),
    "in SQL": lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'",
}
"""Name -> how a text is written down."""


@pytest.mark.parametrize("text", [GENERATED, PASSWORDS[ALICE], PASSWORDS[BOB]])
def test_a_secret_is_found_in_every_form(tmp_path: Path, text: str) -> None:
    texts = {name: f"before {form(text)} behind" for name, form in WRITTEN.items()}
    known = {"it": text, "other": Random("other-secret-that-is-nowhere-here")}
    assert canaries.in_texts(known, texts, tmp_path / "s") == {("it", name) for name in WRITTEN}


@pytest.mark.parametrize("part", [GENERATED[:PIECE], GENERATED[-PIECE:]])
def test_a_piece_of_a_generated_secret_is_enough(tmp_path: Path, part: str) -> None:
    wrapped = textwrap.fill(base64.b64encode(b"12345" + GENERATED.encode()).decode(), 30)
    found = canaries.in_texts({"it": GENERATED}, {"here": part, "wrapped": wrapped}, tmp_path / "s")
    assert found == {("it", "here"), ("it", "wrapped")}
    known = {"it": str(GENERATED)}
    assert canaries.in_texts(known, {"here": part}, tmp_path / "t") == set(), (
        "a person's may begin with any word"
    )


@pytest.mark.parametrize("odd", [b"", b"\n", b"\r\0"])
def test_bytes_are_found_as_they_are_and_in_other_files_of_the_key(tmp_path: Path, odd: bytes) -> None:
    number = 2**250 // 7
    secret = number.to_bytes(32)[:9] + odd + number.to_bytes(32)[9 + len(odd) :]
    key = ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1())
    plain, forms = serialization.NoEncryption(), serialization.PrivateFormat
    texts = {}
    for name, form in {"PKCS 8": forms.PKCS8, "SEC 1": forms.TraditionalOpenSSL}.items():
        texts[f"bytes of {name}"] = key.private_bytes(serialization.Encoding.DER, form, plain)
        pem = key.private_bytes(serialization.Encoding.PEM, form, plain)
        texts[f"text of {name}"] = pem.replace(b"\n", b"")
    assert canaries.in_texts({"key": secret}, texts, tmp_path / "s") == {("key", name) for name in texts}


def test_what_is_no_secret_is_not_found(tmp_path: Path) -> None:
    known = {f"password of {address}": text for address, text in PASSWORDS.items()}
    innocent = {"here": " ".join([*PASSWORDS, "alice's Passwort", "carol", GENERATED[: PIECE - 1]])}
    assert canaries.in_texts({**known, "it": GENERATED}, innocent, tmp_path / "s") == set()


def test_a_folder_is_searched_with_all_below_it_and_what_is_missing_is_no_mistake(tmp_path: Path) -> None:
    deep = tmp_path / "place/a folder/.hidden"
    deep.parent.mkdir(parents=True)
    deep.write_bytes(b"\0\xff" + GENERATED.encode() + b"\0")
    places = {"there": [tmp_path / "place"], "nowhere": [tmp_path / "missing"]}
    assert canaries.in_files({"it": GENERATED}, places, tmp_path / "s") == {("it", "there", str(deep))}
