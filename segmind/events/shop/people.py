"""The people of the synthetic shop: names, places, addresses and consents.

Nobody real can be reached: e-mail uses the domains that RFC 2606 reserves, phone numbers the
555-0100 to 555-0199 lines that North America reserves for fiction. There are 41,100 of those in
all, so in a large shop only the first customers have a phone.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

#: (country, share, language, time zones with shares)
COUNTRIES = (
    ("US", 0.58, "en", (("America/New_York", 0.45), ("America/Chicago", 0.28),
                        ("America/Denver", 0.09), ("America/Los_Angeles", 0.18))),
    ("CA", 0.12, "en", (("America/Toronto", 0.6), ("America/Vancouver", 0.4))),
    ("GB", 0.13, "en", (("Europe/London", 1.0),)),
    ("DE", 0.09, "de", (("Europe/Berlin", 1.0),)),
    ("FR", 0.08, "fr", (("Europe/Paris", 1.0),)),
)  # fmt: skip
FIRST_NAMES = (
    "Ada Alma Amir Anna Ben Bruno Carla Chloe Clara Dana David Elena Eli Emma Eric Fatima Felix "
    "Finn Grace Hana Hugo Ida Ines Iris Ivan Jack Jana Jonas Julia Kai Karim Lara Lena Leo Liam "
    "Lily Louis Lucy Luis Maja Marc Maria Mara Max Mia Mila Milo Nadia Nina Noah Nora Omar Oscar "
    "Paul Petra Priya Rosa Ruth Sam Sara Sofia Sven Tara Theo Tom Uma Vera Viktor Wanda Yara Zoe"
).split()
LAST_NAMES = (
    "Adams Ahmed Baker Bauer Bell Berg Blanc Brown Carter Chen Clark Cohen Cruz Davis Diaz Dubois "
    "Evans Fischer Fontaine Garcia Gray Green Hall Harris Hill Hoffman Jones Kaur Keller Khan King "
    "Klein Kumar Lambert Lee Lewis Lopez Martin Meyer Miller Moore Morris Nguyen Novak Olsen Ortiz "
    "Park Patel Perez Petit Price Reed Rossi Roux Schmidt Scott Silva Singh Smith Stone Taylor "
    "Thomas Turner Walker Wang Weber White Wilson Wolf Wong Wright Young Zimmer"
).split()
MAIL_DOMAINS = ("example.com", "example.org", "example.net")
#: Area codes of places (no toll-free or premium codes) in which 555-01xx is a valid number.
US_AREAS = tuple(
    int(code) for code in
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 220 223 224 225 227 228 "
    "229 231 234 235 239 240 248 251 252 253 254 256 260 262 267 269 270 272 274 276 279 281 283 "
    "301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 321 323 325 326 327 "
    "330 331 332 334 336 337 339 341 346 347 351 352 360 361 364 369 380 385 386 401 402 404 405 "
    "406 407 408 409 410 412 413 414 415 417 419 423 424 425 430 432 434 435 440 442 443 445 447 "
    "448 458 463 464 469 470 475 478 479 480 484 501 502 503 504 505 507 508 509 510 512 513 515 "
    "516 517 518 520 530 531 534 539 540 541 551 557 559 561 562 563 564 567 570 571 572 573 574 "
    "575 580 582 585 586 601 602 603 605 606 607 608 609 610 612 614 615 616 617 618 619 620 623 "
    "626 628 629 630 631 636 640 641 645 646 650 651 656 657 659 660 661 662 667 669 678 680 681 "
    "682 689 701 702 703 704 706 707 708 712 713 714 715 716 717 718 719 720 724 725 726 727 730 "
    "731 732 734 737 740 743 747 754 757 760 762 763 765 769 770 771 772 773 774 775 779 781 785 "
    "786 801 802 803 804 805 806 808 810 812 813 814 815 816 817 818 820 826 828 830 831 832 835 "
    "838 839 840 843 845 847 848 850 854 856 857 858 859 860 862 863 864 865 870 872 878 901 903 "
    "904 906 907 908 909 910 912 913 914 915 916 917 918 919 920 925 928 929 930 931 934 936 937 "
    "938 940 941 943 945 947 948 949 951 952 954 956 959 970 971 972 973 975 978 979 980 983 984 "
    "985 986 989".split()
)  # fmt: skip
CA_AREAS = (
    204, 226, 236, 249, 250, 289, 306, 343, 365, 367, 403, 416, 418, 431, 437, 438, 450, 506, 514,
    519, 548, 579, 581, 587, 604, 613, 639, 647, 705, 709, 778, 780, 782, 807, 819, 825, 867, 873,
    902, 905,
)  # fmt: skip
LINES_PER_AREA = 100


def make_people(
    count: int, first_id: int, since: datetime, rng: np.random.Generator
) -> pl.DataFrame:
    """``count`` customers, ready for the table ``customer``: ids count up from ``first_id``.

    Consent columns are 1 (yes), 0 (no) or null (unknown); ``traits`` is JSON text.
    """
    country = rng.choice(len(COUNTRIES), size=count, p=[share for _, share, _, _ in COUNTRIES])
    first = _pick(FIRST_NAMES, rng.integers(0, len(FIRST_NAMES), size=count))
    last = _pick(LAST_NAMES, rng.integers(0, len(LAST_NAMES), size=count))
    ids = pl.Series("id", np.arange(first_id, first_id + count, dtype=np.int64))
    domain = _pick(MAIL_DOMAINS, rng.integers(0, len(MAIL_DOMAINS), size=count))
    frame = pl.DataFrame(
        {
            "id": ids,
            "external_id": "C" + ids.cast(pl.String).str.zfill(8),
            "first_name": first,
            "last_name": last,
            "country": _pick(tuple(code for code, _, _, _ in COUNTRIES), country),
            "language": _pick(tuple(language for _, _, language, _ in COUNTRIES), country),
            "timezone": _time_zones(country, rng),
            "phone": _phones(country, rng),
            "tier": _pick(("basic", "silver", "gold"), _tier(count, rng)),
            "age_days": rng.exponential(240.0, size=count),
            "birthday": _birthdays(count, rng),
            "has_email": rng.random(count) < 0.93,
            "has_token": rng.random(count) < 0.42,
            "number": rng.integers(0, 2**63, size=count, dtype=np.int64),
        }
    ).with_columns(domain=domain)
    token = "demo-" + pl.col("number").cast(pl.String) + "-" + pl.col("id").cast(pl.String)
    mail = (
        pl.col("first_name").str.to_lowercase() + "." + pl.col("last_name").str.to_lowercase()
        + pl.col("id").cast(pl.String) + "@" + pl.col("domain")
    )  # fmt: skip
    frame = frame.with_columns(
        email=pl.when("has_email").then(mail),
        push_token=pl.when("has_token").then(token),
        traits=pl.concat_str(pl.lit('{"tier": "'), "tier", pl.lit('"}')),
        created_at=pl.lit(since.astimezone(UTC)) - pl.duration(seconds=pl.col("age_days") * 86400),
    )
    return frame.with_columns(
        email_consent=_consent(frame["email"], 0.66, 0.08, rng),
        sms_consent=_consent(frame["phone"], 0.48, 0.12, rng),
        push_consent=_consent(frame["push_token"], 0.83, 0.10, rng),
    ).drop("tier", "age_days", "has_email", "has_token", "number", "domain")


def _pick(values: tuple[str, ...] | list[str], index: np.ndarray) -> pl.Series:
    return pl.Series(list(values), dtype=pl.String).gather(pl.Series(index))


def _time_zones(country: np.ndarray, rng: np.random.Generator) -> pl.Series:
    zones = [zone for _, _, _, options in COUNTRIES for zone, _ in options]
    ends = np.concatenate([np.cumsum([share for _, share in o]) for _, _, _, o in COUNTRIES])
    sizes = np.array([len(options) for _, _, _, options in COUNTRIES])
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]])[country]
    draw = rng.random(len(country))
    index = start.copy()
    for step in range(1, int(sizes.max())):
        index = np.where((step < sizes[country]) & (draw >= ends[index]), start + step, index)
    return _pick(zones, index)


def _phones(country: np.ndarray, rng: np.random.Generator) -> pl.Series:
    """E.164 numbers for three quarters of the Americans and Canadians, each number once."""
    phones = np.full(len(country), None, dtype=object)
    for code, areas in ((0, US_AREAS), (1, CA_AREAS)):
        wanted = np.flatnonzero((country == code) & (rng.random(len(country)) < 0.75))
        lines = rng.permutation(len(areas) * LINES_PER_AREA)[: len(wanted)]
        wanted = wanted[: len(lines)]
        area, line = np.array(areas)[lines // LINES_PER_AREA], lines % LINES_PER_AREA
        phones[wanted] = [f"+1{a}55501{n:02d}" for a, n in zip(area, line, strict=True)]
    return pl.Series(phones.tolist(), dtype=pl.String)


def _tier(count: int, rng: np.random.Generator) -> np.ndarray:
    return np.digitize(rng.random(count), [0.78, 0.95])


def _birthdays(count: int, rng: np.random.Generator) -> pl.Series:
    """A day between 1946 and 2006 for two thirds of the people."""
    days = pl.Series(rng.integers(-8766, 13149, size=count, dtype=np.int32)).cast(pl.Date)
    return days.set(pl.Series(rng.random(count) < 0.34), None)


def _consent(address: pl.Series, yes: float, no: float, rng: np.random.Generator) -> pl.Series:
    draw = rng.random(len(address))
    answer = pl.Series(np.where(draw < yes, 1, 0), dtype=pl.Int16)
    silent = pl.Series(draw >= yes + no)
    return answer.set(silent | address.is_null(), None)
