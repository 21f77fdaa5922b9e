"""Publishes jobs and listens to the event bus of a Salt master, for the lab.

usage: client.py tap CONFIG      prints every event as a line of JSON
       client.py publish CONFIG  reads a job as a line of JSON, prints {"jid", "minions"} or {"error"}
Ends when standard input closes.
"""

import json
import os
import sys
import threading

import salt.client
import salt.config
import salt.utils.event


def plain(value):
    """What JSON cannot say, said so that it can be told apart."""
    if isinstance(value, (bytes, bytearray)):
        return {"__bytes__": bytes(value).hex()}
    return {"__repr__": repr(value)}


def keyed(value):
    """JSON has text keys only."""
    if isinstance(value, dict):
        return {k if isinstance(k, str) else repr(k): keyed(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [keyed(v) for v in value]
    return value


def say(value):
    sys.stdout.write(json.dumps(keyed(value), default=plain) + "\n")
    sys.stdout.flush()


def tap(config):
    opts = salt.config.client_config(config)
    bus = salt.utils.event.get_event("master", sock_dir=opts["sock_dir"], opts=opts, listen=True)
    bus.connect_pub(timeout=30)
    say({"tag": "ready", "data": {}})

    def end():
        while sys.stdin.readline():
            pass
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()
    while True:
        event = bus.get_event(wait=60, full=True)
        if event is not None:
            say(event)


def publish(config):
    client = salt.client.LocalClient(c_path=config)
    say({"tag": "ready"})
    for line in sys.stdin:
        job = json.loads(line)
        try:
            say(client.run_job(listen=False, **job))
        except Exception as error:  # whatever it is, the test shall read it
            say({"error": f"{type(error).__name__}: {error}"})


{"tap": tap, "publish": publish}[sys.argv[1]](sys.argv[2])
