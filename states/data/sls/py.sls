#!py
def run():
    return {'a': {'test.nop': []}}
