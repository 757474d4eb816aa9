"""One node with libtorrent: a file by its torrent, a web seed and peers that it finds on its LAN.

Says "whole" when it has all, and goes on for the others until it is ended.
"""

import sys
import time

import libtorrent

torrent, folder, address = sys.argv[1:]
session = libtorrent.session(
    {
        "listen_interfaces": f"{address}:6881",
        "enable_lsd": True,
        "enable_dht": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "allow_multiple_connections_per_ip": False,
    }
)
handle = session.add_torrent(
    {"ti": libtorrent.torrent_info(torrent), "save_path": folder}
)
while not handle.status().is_seeding:
    time.sleep(0.05)
# What is written comes from its cache: on the disk before it is said.
handle.flush_cache()
print("whole", flush=True)
while True:
    time.sleep(60)
