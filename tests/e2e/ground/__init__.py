"""The proving ground: networks, name servers, peers and strangers of the tests' own."""
