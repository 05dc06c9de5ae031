"""What a patient wrote, without what their mail program added."""

import pytest

from service.gateways.email_text import own_words, words_of_html


@pytest.mark.parametrize(
    ("mail", "written"),
    [
        pytest.param("7, it tingles", "7, it tingles", id="nothing quoted"),
        pytest.param(
            "7\n\nOn Tue, 3 Mar 2026 at 12:04, Bayou <care@bayou.example> wrote:\n> How sore?\n",
            "7",
            id="answer above the quote",
        ),
        pytest.param(
            "7\n\nOn Tue, 3 Mar 2026, Bayou Dry Needling\n<care@b.example> wrote:\n\n> How?",
            "7",
            id="the quote's head goes over two lines",
        ),
        pytest.param(
            "Bien\n\nEl mar, 3 mar 2026, Bayou <care@bayou.example> escribió:\n> ¿Cómo está?",
            "Bien",
            id="in Spanish",
        ),
        pytest.param(
            "On Tue, Bayou <care@bayou.example> wrote:\n> How sore?\n7\n> Numb?\nyes",
            "7\nyes",
            id="answers between the lines",
        ),
        pytest.param(
            "7\n\nOn Tue, Bayou <care@bayou.example> wrote:\n\nIf you cannot breathe call 911",
            "7",
            id="quote without marks",
        ),
        pytest.param(
            "7\r\n\r\n-----Original Message-----\r\nFrom: Bayou\r\nHow sore?", "7", id="Outlook"
        ),
        pytest.param(
            "7\n\nFrom: Bayou <care@bayou.example>\nSent: Tuesday\nTo: Ana\n\nHow sore?",
            "7",
            id="Outlook, newer",
        ),
        pytest.param("7\n-- \nAna\n555-0123", "7", id="signature"),
        pytest.param("> How sore?\n> 7", "", id="nothing but a quote"),
        pytest.param("", "", id="empty"),
        pytest.param(
            "On Monday I felt numb and the doctor wrote: rest",
            "On Monday I felt numb and the doctor wrote: rest",
            id="a sentence like a quote's head",
        ),
    ],
)
def test_only_what_was_written_is_left(mail, written):
    assert own_words(mail) == written


@pytest.mark.parametrize(
    ("html", "written"),
    [
        ("<p>7 &amp; numb</p>", "7 & numb"),
        (
            "<style>p{}</style><p>a</p><blockquote>b<blockquote>c</blockquote>d</blockquote>e",
            "a\ne",
        ),
        ("a<br>b", "a\nb"),
        ("<p>unclosed", "unclosed"),
        ("<br class='gmail_quote'>still shown", "still shown"),
        ("<blockquote>nothing but a quote</blockquote>", ""),
    ],
)
def test_html_is_read_as_text(html, written):
    assert words_of_html(html).replace("\n\n", "\n") == written
