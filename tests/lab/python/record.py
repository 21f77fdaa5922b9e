"""Notes every load that a master decrypts, as a line of JSON, in the file that VSALT_RECORD names.

Python runs it before salt-master does anything (as sitecustomize, behind plain.py), so that no file of Salt's is changed.
A line is {"envelope": [[key, value], ...], "load": [[key, value], ...]}: pairs, for the order counts.
"""

import json
import os


def pairs(value):
    return [[k, keyed(v)] for k, v in value.items()]


def note(envelope, load):
    line = json.dumps({"envelope": envelope, "load": pairs(load)}, default=plain) + "\n"
    out = os.open(os.environ["VSALT_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(out, line.encode())
    finally:
        os.close(out)


def install():
    import salt.channel.server as server

    channel = server.ReqServerChannel
    real = channel._decode_payload

    def decode(self, payload, version):
        envelope = pairs({k: v for k, v in payload.items() if k != "load"})
        decoded = real(self, payload, version)
        if isinstance(decoded.get("load"), dict):
            note(envelope, decoded["load"])
        return decoded

    channel._decode_payload = decode


install()
