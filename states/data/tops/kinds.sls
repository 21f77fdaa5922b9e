base:
  'mini*':
    - match: glob
    - tgt
  'min.on':
    - match: pcre
    - extbase
  'minion,other':
    - match: list
    - incsub
  'foo:bar':
    - match: pillar
    - empty
  'foo:b.*':
    - match: pillar_pcre
    - onchg
  'minion and not other':
    - use
  'not minion':
    - order
