"""What JSON cannot say, said so that it can be told apart."""


def plain(value):
    """What JSON cannot say, said so that it can be told apart."""
    if isinstance(value, (bytes, bytearray)):
        return {"__bytes__": bytes(value).hex()}
    return {"__repr__": repr(value)}


def keyed(value):
    """JSON has text keys only."""
    if isinstance(value, dict):
        if all(isinstance(k, str) for k in value):
            return {k: keyed(v) for k, v in value.items()}
        return {"__map__": [[keyed(k), keyed(v)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return [keyed(v) for v in value]
    return value
