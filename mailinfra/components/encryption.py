"""Encryption: what every port speaks where users log in.

Owns the curves and ciphers, once for mail and webmail. Does not own what other mail servers are offered on
port 25 (configs/postfix/main.cf), nor certificates (certificates.py).
"""

CURVES = ("X25519MLKEM768", "X25519", "prime256v1", "secp384r1")
"""Best first; the first needs OpenSSL 3.5. Mozilla's guideline 6.0, "intermediate":
https://wiki.mozilla.org/Security/Server_Side_TLS"""

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""Of TLS 1.2, from the same guideline: forward secrecy and authenticated encryption alone."""

VALUES = {"curves": CURVES, "ciphers": CIPHERS}
"""What a template may ask for, as `tls`."""
