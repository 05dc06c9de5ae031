"""Setting a clinic up: what would go wrong in every text is refused at the start."""

import pytest

from service.pathway.administration import NotPossible, create_clinic
from tests.make import NOON


def create(sessions, **given):
    with sessions.begin() as db:
        return create_clinic(
            db, **({"name": "Bayou", "time_zone": "America/Chicago", "now": NOON} | given)
        ).name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("Needles 💉", "cannot carry 💉. Write 'Needles'", id="emoji"),
        pytest.param("Clínica Aquí", "cannot carry í. Write 'Clinica Aqui'", id="accents"),
        pytest.param("鍼灸", "Use plain letters", id="another script"),
        pytest.param("  ", "give the clinic's name", id="nothing"),
    ],
)
def test_a_name_that_no_text_can_carry_is_refused_with_what_to_write(sessions, name, said):
    with pytest.raises(NotPossible, match=r"^name: ") as refused:
        create(sessions, name=name)

    assert said in str(refused.value)


def test_a_name_that_every_phone_shows_is_kept_as_written(sessions):
    assert create(sessions, name="Señora  Muñoz & Co. ") == ("Señora Muñoz & Co.")


def test_a_phone_number_is_checked_like_the_name(sessions):
    with pytest.raises(NotPossible, match=r"^phone: "):
        create(sessions, phone="281–555–0100 ☎")


def test_an_address_that_no_email_can_come_from_is_refused(sessions):
    with pytest.raises(NotPossible, match=r"^email-from: "):
        create(sessions, email_from="care at bayou")
