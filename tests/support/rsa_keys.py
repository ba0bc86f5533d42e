"""RSA keys. Generating one takes a tenth of a second, so all tests of a process share them."""

import functools

from cryptography.hazmat.primitives.asymmetric import rsa


@functools.cache
def rsa_key(name: str = "first") -> rsa.RSAPrivateKey:
    """Return a private key, a different one for each name."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
