#!json
{"a": {"test.nop": [{"name": "js"}]}}
