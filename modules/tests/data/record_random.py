"""Records what Python's random makes of seeds: record_random.py > modules/src/random/python.txt

Run with CPython 3.11. One JSON object a line.
"""

import json
import random

SEEDS = ["", "px1", "ä€", "x" * 200, 0, 1, -7, 2**40, 2**63 - 1, 123456789]
for seed in SEEDS:
    for limit, count, size in [(10, 3, 2), (2**33, 30, 4), (1000000, 200, 30)]:
        random.seed(seed)
        below = [random.randrange(limit) for _ in range(5)]
        random.seed(seed)
        sample = random.sample(list(range(count)), size)
        case = {"seed": seed, "limit": limit, "count": count, "size": size}
        print(json.dumps(dict(case, below=below, sample=sample)))
