#!nosuch
a: b
