"""Safeguards take for the same what people do; what permits does not."""

import unicodedata
from dataclasses import replace

import pytest

from adapters.clients import known_as
from workers.itglue.models import Organization
from workers.pipeline.gates.patterns import protects
from workers.pipeline.identity.naming import hardly_differ, same
from workers.pipeline.identity.tags import is_tagged, tags_of

SPELLINGS = [
    ("#keep", "&#35;keep"), ("#keep", "\uff03keep"), ("#keep", "# keep"), ("#keep", "#ke\u200bep"),
    ("#keep", "#ke\u00adep"), ("#keep", "#KEEP,"), ("#keep", "&amp;#35;keep"),
    ("#keep", "#\u00a0keep"),
    ("#legal-hold", "#legal\u2011hold"), ("#legal-hold", "#legal\u2013hold"),
    ("#legal-hold", "#legal\u00adhold"), ("#legal-hold", "<b>#legal</b>-hold"),
    ("#keep", "#<b>keep</b>"), ("#legal-hold", "#legal\u2043hold"), ("#keep", "&amp;amp;#35;keep"),
    ("#größe", unicodedata.normalize("NFD", "#größe")), ("#keep", "<p>#keep</p>"),
    *(("#legal-hold", f"#legal{joined}hold") for joined in ("_", " ", "", "/", " - ")),
    ("#legal-hold", "#LegalHold"), ("#legal_hold", "#legal-hold"), ("#keep", "#keep\u2014they sue"),
    ("#keep", "#keep-"), ("#keep", "#keep-2030"), ("#keep", "#keep_them"),
    ("#keep", "#k\u0435\u0435p"), ("#keep", "#\u041a\u0415\u0415\u0420"),
    ("#keep", "#\U0001d424eep"), ("#keep", "#\uff4b\uff45\uff45\uff50"),
    ("#legal-hold", "#legal-h\u03bfld"), ("#keep", "#\ufe0f\u20e3keep"), ("#keep", "#**keep**"),
    ("#keep", "\u266fkeep"), ("#legal-hold", "#legal\u00b7hold"), ("#legal-hold", "#legal:hold"),
    ("#DoNotDelete", "#do-not-delete"), ("#donotdelete", "#Do Not Delete"), ("#keep", "#[keep]"),
    ("#réservé", "#RESERVE"), ("#reserve", "#réserve"),
    ("#\U0001f6ab", "#\U0001f6ab"),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "written"), SPELLINGS)
@pytest.mark.parametrize("place", ["quick_notes", "alert", "description"])
def test_a_tag_is_found_in_every_spelling(tag: str, written: str, place: str) -> None:
    organization = replace(Organization(id="1", name="A"), **{place: f"Please {written} until May"})  # type: ignore[arg-type]
    assert is_tagged(organization, tag)


@pytest.mark.parametrize("written", ["# until", "#keeper", "keep", "#keep2", "#kee", "#for-keep"])
def test_another_word_is_another_tag(written: str) -> None:
    assert not is_tagged(Organization(id="1", name="A", alert=written), "#keep")


@pytest.mark.parametrize("written", ["#legal", "#legally-hold", "#legal holder", "#hold"])
def test_a_part_of_a_tag_is_none(written: str) -> None:
    assert not is_tagged(Organization(id="1", name="A", alert=written), "#legal-hold")


def test_what_permits_is_written_exactly() -> None:
    organization = Organization(id="1", name="A", alert="# offboarded \uff03offboarded #Other")
    assert tags_of(organization) == {"#other"}


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*Müller*", unicodedata.normalize("NFD", "Auto Müller KG")),
        (unicodedata.normalize("NFD", "*Müller*"), "Auto Müller KG"),
        ("[MSP]*", "[MSP] Our own"), ("Acme", "Acme "), ("Acme Inc", "Acme\u00a0Inc"),
        ("*O'Brien*", "O\u2019Brien Ltd"), ("*O\u00b4Brien*", "O'Brien Ltd"),
        ('J "B" Ltd', "J \u201cB\u201d Ltd"), ("*internal*", "Inter\u00adnal IT"),
        ("*in-house*", "In\u00adhouse IT"), ("*internal*", "Inter\ufe0fnal IT"),
        ("Acme Inc", "Acme\u3164Inc"), ("A & B", "A &amp;amp; B"),
        ("acme  inc", "ACME Inc"), ("A & B", "A &amp; B"), ("A-B?", "A\u2011Bx"),
        ("*k\u0131rm\u0131z\u0131*", "KIRMIZI Ltd"), ("*iletişim*", "İLETİŞİM"),
        ("Acme", "Acme\u2122"), ("Acme Inc", "Acme, Inc."), ("Acme, Inc.", "Acme Inc"),
        ("*Lock & Co*", "The Lock and Company Ltd"), ("Caf\u00e9*", "Cafe Roma"),
        ("Acme*", "\u0410\u0441me Works"), ("\u0410cme*", "Acme Works"),
        ("Acme", "\uff21\uff23\uff2d\uff25"), ("ACME", "\u0391C\u039c\u0395"),
        ("Acme", "\U0001d400\U0001d41c\U0001d426\U0001d41e"), ("Lodz*", "\u0141\u00f3d\u017a IT"),
        ("\u0420\u043e\u0448\u043a\u0430*", "\u0420\u041e\u0428\u041a\u0410 Ltd"),
    ],
)  # fmt: skip
def test_a_pattern_protects_what_looks_like_it(pattern: str, name: str) -> None:
    assert protects(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("[MSP]*", "Mine"),
        ("Acme", "Acme Inc"),
        ("A?", "A"),
        ("*.", "Acme"),
        ("*-*", "A B"),
        ("", "A"),
    ],
)
def test_a_pattern_protects_nothing_else(pattern: str, name: str) -> None:
    assert not protects(pattern, name)


@pytest.mark.parametrize("other", ["Blank ", " Blank", "blank", "Bl\u200bank", "Bl\u0430nk"])
def test_a_name_identifies_only_itself(other: str) -> None:
    assert not same("Blank", other)
    assert "differ only" in hardly_differ("Blank", other)
    assert same("é", "e\u0301")
    assert hardly_differ("Blank", "Other") == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme Ltd", "Acme Ltd."), ("Acme Inc", "Acme, Inc."), ("Acme Ltd", "The Acme Limited"),
        ("Lock & Co", "Lock and Company"), ("Café Roma", "Cafe Roma"), ("O'Brien", "OBrien"),
        ("Acme", "\u0410\u0441me"), ("\u0410cme Ltd", "Acm\u0435, Limited"),
        ("ACME", "\u0391\u0421\u039c\u0415"),
        ("A-B Works", "A B Works"), ("Studio ½", "Studio 1/2"), ("ABC Ltd", "A.B.C. Ltd"),
    ],
)  # fmt: skip
def test_a_client_is_known_by_what_two_systems_call_it(one: str, other: str) -> None:
    assert not set(known_as(name=one)).isdisjoint(known_as(name=other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme Ltd", "Acme Inc"),
        ("\u0410cme Ltd", "Acme Inc"),
        ("Acme", "Acme Works"),
        ("***", "&"),
        ("The", "A"),
        ("", "."),
    ],
)
def test_another_client_is_not(one: str, other: str) -> None:
    assert set(known_as(name=one)).isdisjoint(known_as(name=other))
