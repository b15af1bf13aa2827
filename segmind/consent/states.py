"""States and provinces of the countries that have several zones or laws: codes, zones, post codes.

Zones by state from the tz database's notes on where each zone is kept; a county or reserve with a
time of its own counts, so that every zone in which somebody of the state may live is there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import Final

import phonenumbers

_A: Final = "America/"

#: Country -> state -> (name, zones).
STATES: Final[dict[str, dict[str, tuple[str, tuple[str, ...]]]]] = {
    "US": {
        code: (name, tuple(_A + zone if "/" not in zone else zone for zone in zones.split()))
        for code, name, zones in (
            line.split("|")
            for line in """
AL|Alabama|Chicago
AK|Alaska|Anchorage Juneau Sitka Metlakatla Yakutat Nome Adak
AZ|Arizona|Phoenix Denver
AR|Arkansas|Chicago
CA|California|Los_Angeles
CO|Colorado|Denver
CT|Connecticut|New_York
DE|Delaware|New_York
DC|District of Columbia|New_York
FL|Florida|New_York Chicago
GA|Georgia|New_York
HI|Hawaii|Pacific/Honolulu
ID|Idaho|Boise Los_Angeles
IL|Illinois|Chicago
IN|Indiana|New_York Chicago
IA|Iowa|Chicago
KS|Kansas|Chicago Denver
KY|Kentucky|New_York Chicago
LA|Louisiana|Chicago
ME|Maine|New_York
MD|Maryland|New_York
MA|Massachusetts|New_York
MI|Michigan|Detroit Menominee
MN|Minnesota|Chicago
MS|Mississippi|Chicago
MO|Missouri|Chicago
MT|Montana|Denver
NE|Nebraska|Chicago Denver
NV|Nevada|Los_Angeles Boise
NH|New Hampshire|New_York
NJ|New Jersey|New_York
NM|New Mexico|Denver
NY|New York|New_York
NC|North Carolina|New_York
ND|North Dakota|Chicago Denver
OH|Ohio|New_York
OK|Oklahoma|Chicago
OR|Oregon|Los_Angeles Boise
PA|Pennsylvania|New_York
RI|Rhode Island|New_York
SC|South Carolina|New_York
SD|South Dakota|Chicago Denver
TN|Tennessee|New_York Chicago
TX|Texas|Chicago Denver
UT|Utah|Denver
VT|Vermont|New_York
VA|Virginia|New_York
WA|Washington|Los_Angeles
WV|West Virginia|New_York
WI|Wisconsin|Chicago
WY|Wyoming|Denver
PR|Puerto Rico|Puerto_Rico
VI|Virgin Islands|St_Thomas
GU|Guam|Pacific/Guam
AS|American Samoa|Pacific/Pago_Pago
MP|Northern Mariana Islands|Pacific/Saipan
""".strip().splitlines()
        )
    },
    "CA": {
        code: (name, tuple(_A + zone for zone in zones.split()))
        for code, name, zones in (
            line.split("|")
            for line in """
AB|Alberta|Edmonton
BC|British Columbia|Vancouver Edmonton Creston Dawson_Creek Fort_Nelson
MB|Manitoba|Winnipeg
NB|New Brunswick|Moncton
NL|Newfoundland and Labrador|St_Johns Goose_Bay
NS|Nova Scotia|Halifax Glace_Bay
NT|Northwest Territories|Yellowknife Inuvik
NU|Nunavut|Iqaluit Rankin_Inlet Resolute Cambridge_Bay
ON|Ontario|Toronto Winnipeg Atikokan
PE|Prince Edward Island|Halifax
QC|Quebec|Toronto Halifax Blanc-Sablon
SK|Saskatchewan|Regina Swift_Current Edmonton
YT|Yukon|Whitehorse Dawson
""".strip().splitlines()
        )
    },
    "AU": {
        "ACT": ("Australian Capital Territory", ("Australia/Sydney",)),
        "NSW": (
            "New South Wales",
            ("Australia/Sydney", "Australia/Broken_Hill", "Australia/Lord_Howe"),
        ),
        "NT": ("Northern Territory", ("Australia/Darwin",)),
        "QLD": ("Queensland", ("Australia/Brisbane", "Australia/Lindeman")),
        "SA": ("South Australia", ("Australia/Adelaide",)),
        "TAS": ("Tasmania", ("Australia/Hobart",)),
        "VIC": ("Victoria", ("Australia/Melbourne",)),
        "WA": ("Western Australia", ("Australia/Perth", "Australia/Eucla")),
    },
}

#: First three digits of a ZIP code from which on each state begins; "" where no civilian lives.
_ZIP_STARTS: Final = (
    (0, ""), (5, "NY"), (6, "PR"), (8, "VI"), (9, "PR"), (10, "MA"), (28, "RI"), (30, "NH"),
    (39, "ME"), (50, "VT"), (55, "MA"), (56, "VT"), (60, "CT"), (70, "NJ"), (90, ""), (100, "NY"),
    (150, "PA"), (197, "DE"), (200, "DC"), (201, "VA"), (202, "DC"), (206, "MD"), (220, "VA"),
    (247, "WV"), (270, "NC"), (290, "SC"), (300, "GA"), (320, "FL"), (340, ""), (341, "FL"),
    (350, "AL"), (370, "TN"), (386, "MS"), (398, "GA"), (400, "KY"), (430, "OH"), (460, "IN"),
    (480, "MI"), (500, "IA"), (530, "WI"), (550, "MN"), (569, "DC"), (570, "SD"), (580, "ND"),
    (590, "MT"), (600, "IL"), (630, "MO"), (660, "KS"), (680, "NE"), (700, "LA"), (716, "AR"),
    (730, "OK"), (733, "TX"), (734, "OK"), (750, "TX"), (800, "CO"), (820, "WY"), (832, "ID"),
    (840, "UT"), (850, "AZ"), (870, "NM"), (885, "TX"), (889, "NV"), (900, "CA"), (962, ""),
    (967, "HI"), (969, "GU"), (970, "OR"), (980, "WA"), (995, "AK"),
)  # fmt: skip
_ZIP_KEYS: Final = [first for first, _ in _ZIP_STARTS]
_CANADA: Final = {
    "A": "NL", "B": "NS", "C": "PE", "E": "NB", "G": "QC", "H": "QC", "J": "QC", "K": "ON",
    "L": "ON", "M": "ON", "N": "ON", "P": "ON", "R": "MB", "S": "SK", "T": "AB", "V": "BC",
    "Y": "YT",
}  # fmt: skip
#: 2xxx is New South Wales and the capital's territory, of one time.
_AUSTRALIA: Final = {
    "2": "NSW", "3": "VIC", "4": "QLD", "5": "SA", "6": "WA", "7": "TAS", "08": "NT", "09": "NT",
}  # fmt: skip


@lru_cache(maxsize=65_536)
def state_of(country: str, state: str | None, postal_code: str | None) -> str | None:
    """The code of a state of ``country`` (ISO 3166) from its code or name, else from a post code.

    None where neither is known. "FL", "Florida" and "US-FL" are one; of "33101-1234" the first
    digits count.
    """
    states = STATES.get(country)
    if states is None:
        return None
    if state:
        plain = " ".join(state.upper().replace(".", " ").split()).removeprefix(f"{country}-")
        if plain in states:
            return plain
        for code, (name, _) in states.items():
            if name.upper() == plain:
                return code
    return _by_post_code(country, postal_code) if postal_code else None


@lru_cache(maxsize=1_024)
def state_of_area(area: str) -> str | None:
    """The US state of an area code of North America ("212"); None for Canada and toll-free."""
    from phonenumbers import geocoder  # 13 MB of names that most processes never ask for

    try:
        number = phonenumbers.parse(f"+1{area}5550123")
    except phonenumbers.NumberParseException:
        return None
    told = geocoder.description_for_number(number, "en").upper()
    last = told.rpartition(", ")[2]
    for code, (name, _) in STATES["US"].items():
        if last in (code, name.upper()):
            return code
    return None


@lru_cache(maxsize=1_024)
def zones_of_state(country: str, state: str) -> frozenset[str]:
    """The zones in which somebody of the state may live."""
    return frozenset(STATES[country][state][1])


def _by_post_code(country: str, postal_code: str) -> str | None:
    code = re.sub(r"\s", "", postal_code).upper()
    if country == "CA":
        return _CANADA.get(code[:1])
    if country == "AU":
        return (_AUSTRALIA.get(code[:1]) or _AUSTRALIA.get(code[:2])) if code.isdigit() else None
    digits = code[:5]
    if not digits.isdigit() or not digits.isascii() or len(digits) != 5:
        return None
    return _ZIP_STARTS[bisect_right(_ZIP_KEYS, int(digits[:3])) - 1][1] or None
