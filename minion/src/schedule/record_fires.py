"""Records when Salt's scheduler runs jobs: record_fires.py > minion/src/schedule/fires.json

Run with the Python of a virtual environment that has Salt 3007.17. The scheduler is evaluated at the times of a clock
that is only counted; random numbers are the largest that they can be. A line a job.
"""

import datetime
import json
import logging
import random
import sys
import tempfile
import types

import dateutil.parser._parser
import salt.config
import salt.utils.schedule

logging.disable(logging.CRITICAL)
random.randint = lambda least, most: most

START = datetime.datetime(2026, 11, 22, 12, 0, 0, 250000)
DAY = "2026-11-%02dT%s"
NOW = [START]


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW[0]


# A time without a date is of the day that the clock says.
names = {name: getattr(datetime, name) for name in dir(datetime)}
dateutil.parser._parser.datetime = types.SimpleNamespace(**dict(names, datetime=Clock))


def between(start, end, **more):
    return dict(start=start, end=end, **more)


# By the second, for ten minutes.
FINE = {
    "seconds": {"seconds": 10},
    "seconds-minutes": {"seconds": 5, "minutes": 1},
    "text": {"seconds": "10"},
    "start": {"seconds": 30, "run_on_start": True},
    "off": {"seconds": 10, "enabled": False},
    "one-splay": {"seconds": 60, "splay": 7},
    "splay-range": {"seconds": 60, "splay": {"start": 2, "end": 5}},
    "when": {"when": "12:03:20"},
    "when-12": {"when": "12:03:20pm"},
    "when-list": {"when": ["12:01:00", "12:02:30", "11:00:00"]},
    "when-past": {"when": "11:59:00"},
    "when-splay": {"when": "12:03:00", "splay": 5},
    "once": {"once": DAY % (22, "12:04:10")},
    "once-past": {"once": DAY % (22, "11:00:00")},
    "once-format": {"once": "22.11.2026 12:05", "once_fmt": "%d.%m.%Y %H:%M"},
    "cron": {"cron": "*/2 * * * *"},
    "until": {"seconds": 20, "until": DAY % (22, "12:02:00")},
    "after": {"seconds": 20, "after": DAY % (22, "12:08:30")},
    "range": {"seconds": 20, "range": between("12:02:00", "12:04:00")},
    "range-invert": {"seconds": 20, "range": between("12:02:00", "12:09:00", invert=True)},
    "range-wrong": {"seconds": 20, "range": between("12:04:00", "12:02:00")},
    "skip-range": {"seconds": 20, "skip_during_range": between("12:02:05", "12:04:05")},
    "skip-range-after": {
        "seconds": 20,
        "skip_during_range": between("12:02:05", "12:04:05"),
        "run_after_skip_range": True,
    },
    "skip-explicit": {
        "seconds": 60,
        "skip_explicit": [{"time": DAY % (22, "12:02:00"), "time_fmt": "%Y-%m-%dT%H:%M:%S"}],
    },
    "run-explicit": {
        "seconds": 300,
        "run_explicit": [{"time": DAY % (22, "12:02:10"), "time_fmt": "%Y-%m-%dT%H:%M:%S"}],
    },
    "mixed": {"seconds": 10, "when": "12:03:00"},
    "nothing": {"function": "test.ping"},
}
# Every ten seconds, for two days.
LONG = {
    "minutes": {"minutes": 45},
    "hours": {"hours": 5},
    "days": {"days": 1},
    "hours-start": {"hours": 7, "run_on_start": True},
    "hours-splay": {"hours": 6, "splay": 90},
    "daily": {"when": "23:30:00"},
    "daily-list": {"when": ["02:00:00", "14:15:00", "20:00:00"]},
    "weekday": {"when": ["Monday 5:00pm", "Tuesday 3:00am"]},
    "once-tomorrow": {"once": DAY % (23, "09:00:00")},
    "cron-hours": {"cron": "15 */6 * * *"},
    "cron-weekday": {"cron": "30 8 * * 1"},
    "cron-list": {"cron": "0,40 3-5 * * mon,tue"},
    "cron-splay": {"cron": "0 */8 * * *", "splay": 60},
    "until-long": {"hours": 1, "until": DAY % (22, "18:30:00")},
    "after-long": {"hours": 4, "after": DAY % (23, "12:00:00")},
    "range-long": {"hours": 1, "range": between("8:00am", "11:30am")},
    "range-invert-long": {"hours": 3, "range": between("1:00am", "11:00pm", invert=True)},
    "skip-range-long": {"hours": 1, "skip_during_range": between("20:00:00", "23:30:00")},
    "off-long": {"hours": 1, "enabled": False},
}


def record(jobs, step, count):
    with tempfile.TemporaryDirectory() as place:
        opts = salt.config.DEFAULT_MINION_OPTS.copy()
        opts.update(id="px1", __role="minion", conf_file=place + "/minion", cachedir=place)
        opts.update(loop_interval=step, pillar={}, grains={})
        opts["schedule"] = {}
        for name, job in jobs.items():
            opts["schedule"][name] = dict({"function": "test.ping", "jid_include": True, "maxrunning": 1}, **job)
        fires = {name: [] for name in jobs}

        def ran(self, func, data, jid=None):
            fires[data["name"]].append(int((NOW[0] - START).total_seconds()))

        salt.utils.schedule.Schedule._run_job = ran
        schedule = salt.utils.schedule.Schedule(opts, {"test.ping": lambda: True}, returners={}, new_instance=True)
        for n in range(count):
            NOW[0] = START + datetime.timedelta(seconds=n * step)
            schedule.eval(now=NOW[0])
        return [{"name": name, "job": jobs[name], "step": step, "count": count, "fires": fires[name]} for name in jobs]


rows = record(FINE, 1, 600) + record(LONG, 10, 17280)
sys.stdout.write("[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]\n")
