"""Records what Salt's own salt.crypt makes, for the tests beside: lines of `name base64`.

Run by a Python that has Salt 3007.17:  python record.py > vectors.txt
The keys are made anew each time and serve for nothing else.
"""

import base64
import os
import tempfile

import salt.crypt
import salt.payload
import salt.utils.crypt
from cryptography.hazmat.primitives import serialization


def put(name, data):
    if isinstance(data, str):
        data = data.encode()
    print(name, base64.b64encode(data).decode())


with tempfile.TemporaryDirectory() as pki:
    for size in (2048, 4096):
        salt.crypt.gen_keys(pki, f"k{size}", size)
        pem = os.path.join(pki, f"k{size}.pem")
        pub = os.path.join(pki, f"k{size}.pub")
        private = salt.crypt.PrivateKey(pem)
        public = salt.crypt.PublicKey.from_file(pub)
        put(f"{size}.pem", open(pem).read())
        put(f"{size}.pub", open(pub).read())
        put(f"{size}.clean", salt.crypt.clean_key(open(pub).read()))
        put(
            f"{size}.pkcs8",
            private.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        put(
            f"{size}.pkcs1pub",
            public.key.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.PKCS1
            ),
        )
        for kind in ("sha1", "sha256", "sha512"):
            put(f"{size}.finger.{kind}", salt.utils.crypt.pem_finger(path=pub, sum_type=kind))
        for n in range(6):
            # Both roots of X9.31 come up within a few messages.
            put(f"{size}.x931.{n}", private.encrypt(b"salt%d" % n))
        put(f"{size}.tok", private.encrypt(b"salt"))
        for algorithm in ("PKCS1v15-SHA1", "PKCS1v15-SHA224"):
            put(f"{size}.{algorithm}", private.sign(b"a message", algorithm))
        for algorithm in ("OAEP-SHA1", "OAEP-SHA224"):
            put(f"{size}.{algorithm}", public.encrypt(b"a secret", algorithm))
    text = salt.crypt.Crypticle.generate_key_string()
    crypticle = salt.crypt.Crypticle({}, text)
    put("crypticle.key", text)
    put("crypticle.publish", crypticle.dumps({"fun": "test.ping", "arg": [b"\xff"], "serial": 3}))
    put("crypticle.reply", crypticle.dumps({"return": True}, "0123456789abcdef0123456789abcdef"))
