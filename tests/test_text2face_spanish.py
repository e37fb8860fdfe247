"""Spanish words fall into the syllables that the academies' spelling rules give."""

from __future__ import annotations

import pytest

from text2face.syllables.spanish import syllabify_spanish

# Divided by the rules of RAE and ASALE, Ortografía de la lengua española (2010), chapters I and II; words with a star
# stand divided, or with their number of syllables, in that book or in the Diccionario panhispánico de dudas (2005).
WORDS = {
    "the list this project began with": "le-che no-che o-cho mu-cho al-co-hol car-los al-re-de-dor en-re-do hon-ra-do "
    "per-la bur-la",
    "one consonant, any digraph": "ca-sa ga-to me-sa pe-rro ca-rro tie-rra a-rroz ba-rri-ga co-rrer ca-lle lla-ve "
    "po-llo llu-via e-lla a-ma-ri-llo chi-co mu-cha-cho co-che cu-chi-llo le-chu-ga ni-ño ma-ña-na",
    "qu, gu, gü": "que-so quie-ro e-qui-po quin-ce par-que bu-que gue-rra gui-ta-rra ju-gue-te se-guir si-guien-te "
    "pin-güi-no ver-güen-za a-güe-ro an-ti-güe-dad pa-ra-güe-ro bi-lin-güe a-gua guar-dar len-gua guion* guí-a",
    "diphthongs": "ai-re rei-na boi-na cau-sa deu-da Sou-sa pia-no tie-ne o-dio a-gua cue-va cuo-ta ciu-dad viu-da "
    "rui-do cui-da-do cuí-da-te* je-suí-ti-co* a-diós tam-bién des-pués ca-mión lin-güís-ti-ca can-táis fe-liz-men-te "
    "hay ley voy muy rey a-ho-ra es-toy con-voy",
    "triphthongs": "buey U-ru-guay Pa-ra-guay lim-piáis a-pre-ciáis a-ve-ri-güéis es-tu-diáis miau guau",
    "hiatus": "ca-os te-a-tro po-e-ta le-ón a-é-re-o hé-ro-e o-cé-a-no cre-er co-o-pe-rar a-za-har re-al ma-es-tro "
    "pa-ís ma-íz ra-íz ba-úl re-ír o-ír o-í-do o-í-a dí-a tí-o rí-o grú-a dú-o con-ti-nú-a ha-cí-a vi-ví-ais le-í-ais "
    "son-re-ír E-fra-ín chi-i-ta* an-ti-in-fla-ma-to-rio",
    "a semivowel between strong vowels": "pa-ra-noi-a ha-wai-a-no ma-yo a-yu-da pa-ra-gua-yo pla-ya cons-tru-yó",
    "h does not part": "bú-ho ba-hí-a a-hí re-ta-hí-la pro-hí-be ve-hí-cu-lo co-he-te al-mo-ha-da za-na-ho-ria "
    "bo-he-mio de-he-sa ahi-ja-do* de-sahu-cio* prohi-bir* cohi-bir* ahu-mar ahu-yen-tar* rehi-lar truhan*",
    "h begins": "ca-ca-hue-te al-de-hue-la des-hie-lo re-huir* a-hue-car al-ha-ja an-he-lo in-ha-lar ex-ha-lar "
    "des-ha-cer ad-he-rir hue-vo hie-lo ho-la",
    "two consonants": "a-pren-der a-bra-zo so-bre ha-blar ca-ble do-ble a-fri-ca-no a-flo-jar ne-gro si-glo in-glés "
    "a-cro-ba-ta te-cla cua-tro pie-dra ma-dre a-pli-car al-to can-tar cam-po cos-ta ac-to ap-to ac-ción in-na-to "
    "rit-mo dog-ma ab-ne-gar ob-je-to é-xi-to e-xa-men tex-to at-le-ta* at-lán-ti-co* is-la en-ro-jo "
    "is-ra-el son-ri-sa al-re-ve-sa-do",
    "three and four": "ins-ti-tu-to obs-tá-cu-lo pers-pec-ti-va trans-por-te cons-tar abs-trac-to cons-truir "
    "trans-gre-dir ins-crip-ción ex-tra-ño ex-pli-car con-tra hom-bre som-bra san-gre tem-plo e-jem-plo em-ple-o "
    "es-truc-tu-ra mons-truo subs-tan-cia",
    "sub-": "sub-ra-yar* sub-re-gión sub-lu-nar* su-bli-me* su-ble-var su-bir sub-rep-ti-cio",
    "one syllable": "sol pan fue dio vio Juan Dios guion pie tú sí más",
}

DIVIDED = [(rule, entry.rstrip("*")) for rule, entries in WORDS.items() for entry in entries.split()]


def test_the_list_is_long_enough() -> None:
    assert len({entry for _, entry in DIVIDED}) >= 200


@pytest.mark.parametrize(("rule", "entries"), WORDS.items(), ids=WORDS)
def test_words_are_divided_by_the_rules(rule: str, entries: str) -> None:
    expected = [entry.rstrip("*") for entry in entries.split()]
    assert ["-".join(syllabify_spanish(entry.replace("-", ""))) for entry in expected] == expected


def test_capitals_and_decomposed_accents_are_kept() -> None:
    assert syllabify_spanish("ALREDEDOR") == ("AL", "RE", "DE", "DOR")
    assert syllabify_spanish("Cami\u006f\u0301n") == ("Ca", "mión")


def test_tl_is_divided_in_spain_and_kept_in_america() -> None:
    assert syllabify_spanish("atleta") == ("at", "le", "ta")
    assert syllabify_spanish("atleta", american=True) == ("a", "tle", "ta")
    assert syllabify_spanish("tlapalería", american=True) == ("tla", "pa", "le", "rí", "a")


@pytest.mark.parametrize("word", ["", "b", "pst", "FBI", "x", "y", "İstanbul", "o'clock", "ñandú", "aeiouaeiou", "hhh"])
def test_any_word_comes_back_whole(word: str) -> None:
    assert "".join(syllabify_spanish(word)) == word
