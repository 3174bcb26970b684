"""Sends statuses with zeep, built from the WSDL the hub gives: zeep.py URL basic|digest NAME SECRET SOAP_VERSION FIRST COUNT"""
import sys

# this file is called like the library
sys.path = [path for path in sys.path if not path.endswith("/senders")]

from requests import Session
from requests.auth import HTTPBasicAuth
from zeep import Client, Transport
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

url, kind, name, secret, version, first, count = sys.argv[1:]
session = Session()
session.trust_env = False
token = None
if kind == "basic":
    session.auth = HTTPBasicAuth(name, secret)
else:
    token = UsernameToken(name, secret, use_digest=True)
client = Client(url + "?wsdl", transport=Transport(session=session), wsse=token)
service = client.bind("StatusService", "StatusSoap" if version == "1.1" else "StatusSoap12")
for number in range(int(first), int(first) + int(count)):
    for state, at in [("IN", "2026-11-02"), ("DONE", "2026-11-04")]:
        service.Status(number=f"N-{number}", state=state, at=at)
try:
    # a peer that is not who it says it is
    if token:
        Client(url + "?wsdl", transport=Transport(session=session), wsse=UsernameToken(name, "guess", use_digest=True)).service.Status(number="N-0")
        sys.exit("a guessed password was taken")
except Fault as fault:
    print(fault.code)
