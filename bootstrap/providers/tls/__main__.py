"""The tls provider as a process."""

from bootstrap.providers.plugin import Plugin, serve
from bootstrap.providers.tls.certificate import LocallySignedCert, SelfSignedCert
from bootstrap.providers.tls.key import PrivateKey
from bootstrap.providers.tls.request import CertRequest

serve(Plugin([PrivateKey(), CertRequest(), SelfSignedCert(), LocallySignedCert()]), "5.6.2")
