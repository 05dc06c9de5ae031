"""Links in messages open what they were made for, and nothing else."""

from uuid import UUID, uuid4

import pytest

from service.pathway.links import BadLink, Links

SECRET = "a secret of more than thirty-two characters"
OTHER_SECRET = "another secret of more than thirty-two characters"
MADE = [
    (Links.check_in_url, Links.message_of),
    (Links.unsubscribe_url, Links.address_of),
    (Links.patient_page_url, Links.patient_of),
]


def links(*secrets: str) -> Links:
    return Links("https://care.example/", secrets or (SECRET,))


def token(url: str) -> str:
    return url.rsplit("/", 1)[1]


@pytest.mark.parametrize(("make", "read"), MADE)
def test_a_link_names_what_it_was_made_for(make, read):
    named = uuid4()

    url = make(links(), named)

    assert read(links(), token(url)) == named


@pytest.mark.parametrize(("make", "read"), MADE)
def test_a_link_of_one_kind_opens_no_other(make, read):
    others = [other for _, other in MADE if other is not read]

    url = make(links(), uuid4())

    for other in others:
        with pytest.raises(BadLink):
            other(links(), token(url))


def test_a_link_with_any_letter_changed_is_refused():
    whole = token(links().check_in_url(UUID("0198c0de-0000-7000-8000-000000000001")))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    for place, own in enumerate(whole):
        for letter in letters.replace(own, ""):
            with pytest.raises(BadLink):
                links().message_of(whole[:place] + letter + whole[place + 1 :])


def test_another_services_link_is_refused():
    url = links(OTHER_SECRET).check_in_url(uuid4())

    with pytest.raises(BadLink):
        links().message_of(token(url))


def test_links_already_sent_outlive_a_change_of_secrets():
    named = uuid4()
    before = links(SECRET).check_in_url(named)
    rotated = links(OTHER_SECRET, SECRET)

    after = rotated.check_in_url(named)

    assert rotated.message_of(token(before)) == named
    assert after == links(OTHER_SECRET).check_in_url(named)


def test_a_link_ends_with_the_secret_that_made_it():
    url = links(SECRET).check_in_url(uuid4())

    with pytest.raises(BadLink):
        links(OTHER_SECRET).message_of(token(url))


@pytest.mark.parametrize(
    "given",
    ["", "=", "x", "é" * 43, "A" * 22, "A" * 43, "A" * 4000, "../../etc", "\x00", "a+b/" * 11],
)
def test_nonsense_is_no_link(given):
    with pytest.raises(BadLink):
        links().message_of(given)


def test_a_link_is_short_and_names_nobody():
    named = uuid4()

    url = links().check_in_url(named)

    assert url.startswith("https://care.example/c/")
    assert len(token(url)) == 43
    assert named.hex not in url
