"""ISO 8601 durations with the calendar's months: one is longer than another when it is for any start."""

import datetime
import functools
import re

FORM = re.compile(r"P(?:(\d+)W|(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?)")
STARTS = [datetime.date(y, 1, 1) + datetime.timedelta(days=d) for y in (1897, 2001) for d in range(0, 5 * 366)]


def parse(text):
    """(months, seconds)"""
    weeks, years, months, days, hours, minutes, seconds = (int(g or 0) for g in FORM.fullmatch(text).groups())
    return years * 12 + months, ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds


def month_later(start, months):
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = (datetime.date(year + month // 11, (month + 1) % 12 + 1, 1) - datetime.timedelta(days=1)).day
    return datetime.date(year, month + 1, min(start.day, last))


@functools.lru_cache(maxsize=None)
def longer(a, b):
    """Is there a start from which `a` ends later than `b`?"""
    (months_a, seconds_a), (months_b, seconds_b) = parse(a), parse(b)
    if months_a == months_b:
        return seconds_a > seconds_b
    return any((month_later(s, months_a) - month_later(s, months_b)).days * 86400 + seconds_a > seconds_b for s in STARTS)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def after(text, duration):
    """The instant so long after another."""
    start, (months, seconds) = instant(text), parse(duration)
    return datetime.datetime.combine(month_later(start.date(), months), start.timetz()) + datetime.timedelta(seconds=seconds)
