"""DNS records at the terminal: shown, written as zone files, compared with what the DNS answers.

Does not own what the records are (components/dns.py).
"""
