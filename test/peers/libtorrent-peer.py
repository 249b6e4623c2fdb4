"""Nodes of libtorrent's DHT on this machine, each a session of its own.

Arguments: the number of nodes, and the bootstrap nodes of the network they join (none: a network of their
own).
Requests and answers: see libtorrent.test.ts.
"""

import hashlib
import json
import signal
import sys
import time

import libtorrent as lt

SETTINGS = {
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": True,
    # Nodes listed here are asked but never become known, so a network's nodes are added one by one.
    "dht_bootstrap_nodes": "",
    "enable_lsd": False,
    "enable_natpmp": False,
    "enable_upnp": False,
    "alert_mask": lt.alert.category_t.dht_notification | lt.alert.category_t.stats_notification,
    # All nodes here have the same address.
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_ignore_dark_internet": False,
    "dht_prefer_verified_node_ids": False,
    "dht_block_ratelimit": 100000,
    "dht_upload_rate_limit": 10000000,
}


def alert(session, kind):
    """The next alert of a kind, within 10 s."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for candidate in session.pop_alerts():
            if isinstance(candidate, kind):
                return candidate
        session.wait_for_alert(20)
    raise RuntimeError(f"no {kind.__name__} within 10 s")


def known_nodes(session):
    session.post_dht_stats()
    return sum(bucket["num_nodes"] for bucket in alert(session, lt.dht_stats_alert).routing_table)


def start(count, bootstrap):
    sessions = [lt.session(SETTINGS) for _ in range(count)]
    while any(session.listen_port() == 0 for session in sessions):
        time.sleep(0.01)
    nodes = [("127.0.0.1", session.listen_port()) for session in sessions]
    others = [(host, int(port)) for host, port in (node.split(":") for node in bootstrap.split(",") if node)]
    for session, own in zip(sessions, nodes):
        for node in nodes + others:
            if node != own:
                session.add_dht_node(node)
    for session in sessions:
        while known_nodes(session) < len(nodes) + len(others) - 1:
            time.sleep(0.02)
    return sessions


def get(session, key):
    """The newest item a look-up meets before it ends, or before half a second passes without another item.

    A look-up waits 15 s for a node that is gone, and libtorrent takes anybody who puts for a node, even one
    that asks it not to (BEP 43).
    """
    newest = {"seq": 0, "value": None}
    session.dht_get_mutable_item(key, b"")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for found in session.pop_alerts():
            if not isinstance(found, lt.dht_mutable_item_alert) or bytes(found.key) != key:
                continue
            if found.item and found.seq >= newest["seq"]:
                newest = {"seq": found.seq, "value": found.item["value"].hex()}
                end = time.monotonic() + 0.5
            if found.authoritative:
                return newest
        session.wait_for_alert(20)
    return newest


def put(session, seed, key, value):
    secret = bytearray(hashlib.sha512(seed).digest())
    secret[0] &= 248
    secret[31] = secret[31] & 63 | 64
    session.dht_put_mutable_item(bytes(secret), key, value, b"")
    done = alert(session, lt.dht_put_alert)
    return {"seq": done.seq, "nodes": done.num_success}


def answer_to(request, sessions):
    if request["request"] == "ports":
        return {"ports": [session.listen_port() for session in sessions]}
    session = sessions[0]
    key = bytes.fromhex(request["key"])
    if request["request"] == "get":
        return get(session, key)
    return put(session, bytes.fromhex(request["seed"]), key, bytes.fromhex(request["value"]))


def main():
    signal.alarm(120)  # It ends, whatever happens.
    sessions = start(int(sys.argv[1]), sys.argv[2])
    for line in sys.stdin:
        try:
            answer = answer_to(json.loads(line), sessions)
        except RuntimeError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main()
