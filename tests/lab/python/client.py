"""Publishes jobs and listens to the event bus of a Salt master, for the lab.

usage: client.py tap CONFIG      prints every event as a line of JSON
       client.py publish CONFIG  reads a job as a line of JSON, prints {"jid", "minions"}, {"error"}, or {} if no minion is known that could match
Ends when standard input closes.
"""

import json
import os
import sys
import threading
import time

import salt.client
import salt.config
import salt.utils.event

sys.dont_write_bytecode = True  # the next one lies in our sources
from plain import keyed, plain


def meant(value):
    """What JSON cannot say, from how `say` says it."""
    if "__bytes__" in value:
        return bytes.fromhex(value["__bytes__"])
    if "__map__" in value:
        return dict(value["__map__"])
    return value


def say(value):
    answers.write(json.dumps(keyed(value), default=plain) + "\n")
    answers.flush()


def tap(config):
    def end():
        while sys.stdin.readline():
            pass
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()
    opts = salt.config.client_config(config)
    # Started beside the master: who listens only when it is up misses what its first minions say.
    while not os.path.exists(os.path.join(opts["sock_dir"], "master_event_pub.ipc")):
        time.sleep(0.02)
    bus = salt.utils.event.get_event("master", sock_dir=opts["sock_dir"], opts=opts, listen=True)
    bus.connect_pub(timeout=60)
    say({"tag": "ready", "data": {}})
    while True:
        event = bus.get_event(wait=60, full=True)
        if event is not None:
            say(event)


def publish(config):
    client = salt.client.LocalClient(c_path=config)
    say({"tag": "ready"})
    for line in sys.stdin:
        job = json.loads(line, object_hook=meant)
        try:
            say(client.run_job(listen=False, **job))
        except Exception as error:  # whatever it is, the test shall read it
            say({"error": f"{type(error).__name__}: {error}"})


# Salt prints for people, too: that no minion matched, for one.
answers, sys.stdout = sys.stdout, sys.stderr
{"tap": tap, "publish": publish}[sys.argv[1]](sys.argv[2])
