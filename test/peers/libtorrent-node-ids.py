"""Nodes of libtorrent's DHT, one at each of the addresses given, all on one port.

Each draws an id at random, then another one when the others have told it its address (BEP 42). Prints both
ids of each node, in hexadecimal.
"""

import json
import sys
import time

import libtorrent as lt

PORT = 6881
SETTINGS = {
    "enable_dht": True,
    "dht_bootstrap_nodes": "",
    "enable_lsd": False,
    "enable_natpmp": False,
    # It would not believe networks known to be silent, such as 21/8.
    "dht_ignore_dark_internet": False,
    "enable_upnp": False,
}


def node_id(session):
    """None before the node has started."""
    known = session.save_state(lt.save_state_flags_t.save_dht_state).get(b"dht state", {}).get(b"node-id", [])
    return known[0][:20].hex() if known else None


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            sys.exit("not within 10 s")
        time.sleep(0.02)


hosts = sys.argv[1:]
sessions = [lt.session({**SETTINGS, "listen_interfaces": f"{host}:{PORT}"}) for host in hosts]
until(lambda: all(session.listen_port() != 0 and node_id(session) for session in sessions))
drawn = [node_id(session) for session in sessions]
for session, own in zip(sessions, hosts):
    for host in hosts:
        if host != own:
            session.add_dht_node((host, PORT))
until(lambda: all(node_id(session) != first for session, first in zip(sessions, drawn)))
print(json.dumps([{"drawn": first, "own": node_id(session)} for session, first in zip(sessions, drawn)]))
