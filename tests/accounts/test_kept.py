"""A secret outlives its stack: the next one finds it, a rotation takes its place, no service reads it."""

from typing import Any

import pymysql
import pytest
from pulumi.runtime.rpc import UNKNOWN

from mailinfra.provider import kept, kept_names
from tests.accounts.desk import Desk
from tests.accounts.server import UNVERIFIED

CA = "mail-certificates-ca"


def inputs(desk: Desk, candidate: str, **changes: Any) -> dict[str, Any]:
    return {"connection": desk.connection, "what": CA, "candidate": candidate, "stored": True, **changes}


def up(desk: Desk, candidate: str) -> dict[str, Any]:
    """Do what a first `pulumi up` of a state does, and return that state."""
    return dict(kept.create(inputs(desk, candidate), preview=False).properties)


def test_the_first_one_is_kept_and_found_by_the_next_stack(desk: Desk) -> None:
    assert up(desk, "first")["kept"] == "first"
    answer = kept.create(inputs(desk, "second"), preview=False)
    assert answer.properties["kept"] == "first"
    assert answer.notes == (f"{CA}: the one of before is used again",)


def test_a_preview_knows_it_where_the_database_is_there_and_writes_nothing(desk: Desk) -> None:
    foretold = kept.create(inputs(desk, "candidate"), preview=True).properties["kept"]
    assert foretold == "candidate", "so no certificate seems to change when a stack of before is brought over"
    assert desk.sql(f"SHOW TABLES LIKE '{kept.TABLE}'") == []
    up(desk, "first")
    assert kept.create(inputs(desk, "second"), preview=True).properties["kept"] == "first"
    nowhere = {**desk.connection, "port": 1.0}
    for unknown in ({"candidate": UNKNOWN}, {"connection": nowhere}):
        found = kept.create({**inputs(desk, "second"), **unknown}, preview=True)
        assert found.properties["kept"] == UNKNOWN


def test_another_candidate_is_a_rotation_and_outlives_the_stack_in_turn(desk: Desk) -> None:
    up(desk, "first")
    state = up(desk, "of the second state")
    assert kept.diff(state, inputs(desk, "rotated")).paths == {"candidate": "update"}
    assert kept.diff(state, inputs(desk, UNKNOWN)).paths == {"candidate": "update"}, "a preview shows it"
    assert kept.update(state, inputs(desk, UNKNOWN), preview=True).properties["kept"] == UNKNOWN
    assert kept.update(state, inputs(desk, "rotated"), preview=False).properties["kept"] == "rotated"
    assert up(desk, "third")["kept"] == "rotated"


def test_an_update_for_another_reason_leaves_it(desk: Desk) -> None:
    up(desk, "first")
    state = up(desk, "second")
    assert kept.diff(state, inputs(desk, "second")).paths == {}
    moved = inputs(desk, "second", connection={**desk.connection, "host": "localhost"})
    assert kept.diff(state, moved).paths == {"connection.host": "update"}
    assert kept.update(state, inputs(desk, "second"), preview=False).properties["kept"] == "first"


@pytest.mark.parametrize("damage", ["DROP TABLE {}", "DELETE FROM {}", "UPDATE {} SET content = 'theirs'"])
def test_a_row_that_is_gone_or_another_one_is_named_by_a_refresh_and_written_again(
    desk: Desk, damage: str
) -> None:
    state = up(desk, "first")
    desk.sql(damage.format(kept.TABLE))
    answer = kept.read(CA, state, inputs(desk, "first"))
    assert answer is not None
    assert kept.diff(answer.properties, inputs(desk, "first")).paths == {"stored": "update"}
    assert kept.update(answer.properties, inputs(desk, "first"), preview=False).properties["kept"] == "first"
    assert up(desk, "another")["kept"] == "first"


def test_a_destroy_leaves_the_row(desk: Desk) -> None:
    state = up(desk, "first")
    kept.delete(state)
    assert up(desk, "second")["kept"] == "first"


def test_a_service_with_its_rights_cannot_read_it(desk: Desk) -> None:
    up(desk, "first")
    desk.sql("CREATE USER 'nosy'@'%' IDENTIFIED BY 'nosy1' REQUIRE SSL")
    try:
        desk.sql(f"GRANT SELECT (userid) ON {desk.database}.users TO 'nosy'@'%'")
        server = desk.server
        with (
            pymysql.connect(
                host=server.host, port=server.port, user="nosy", password="nosy1", ssl=UNVERIFIED
            ) as link,
            link.cursor() as cursor,
            pytest.raises(pymysql.err.OperationalError) as refused,
        ):
            cursor.execute(f"SELECT * FROM {desk.database}.{kept.TABLE}")
        assert refused.value.args[0] == 1142
    finally:
        desk.sql("DROP USER 'nosy'@'%'")


RSA, ED = "mail-dkim-rsa-1", "mail-dkim-ed25519-1"


def named(desk: Desk, *names: str) -> dict[str, Any]:
    return {"connection": desk.connection, "names": dict.fromkeys(names, True)}


def rows(desk: Desk) -> set[str]:
    return {str(row[0]) for row in desk.sql(f"SELECT name FROM {kept.TABLE}")}


def test_a_name_that_an_update_drops_is_forgotten_and_the_next_key_of_that_name_is_another(
    desk: Desk,
) -> None:
    for what in (CA, RSA, ED):
        kept.create(inputs(desk, "first", what=what), preview=False)
    state = dict(kept_names.create(named(desk, RSA, ED), preview=False).properties)
    assert kept_names.diff(state, named(desk, ED)).paths == {f'names["{RSA}"]': "delete"}
    kept_names.update(state, named(desk, ED), preview=True)
    assert rows(desk) == {CA, RSA, ED}, "a preview changes nothing"
    kept_names.update(state, named(desk, ED), preview=False)
    assert rows(desk) == {CA, ED}
    kept_names.update(state, named(desk, ED), preview=False)  # once more, after an update that was killed
    assert kept.create(inputs(desk, "second", what=RSA), preview=False).properties["kept"] == "second"


def test_a_destroy_and_a_new_state_forget_nothing(desk: Desk) -> None:
    kept.create(inputs(desk, "first", what=RSA), preview=False)
    state = dict(kept_names.create(named(desk, RSA), preview=False).properties)
    assert kept_names.delete(state) == ()
    kept_names.create(named(desk), preview=False)
    assert rows(desk) == {RSA}
    answer = kept_names.read("mail", state, named(desk, RSA))
    assert answer is not None
    assert answer.inputs == named(desk, RSA), "a refresh finds no change"


def test_what_was_never_kept_is_forgotten_without_a_table(desk: Desk) -> None:
    state = dict(kept_names.create(named(desk, RSA), preview=False).properties)
    kept_names.update(state, named(desk), preview=False)
    assert desk.sql(f"SHOW TABLES LIKE '{kept.TABLE}'") == []
