"""Stop a server under load, and fail if a request sent before the stop is not answered.

Arguments: the server's URL, then the command that stops it.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter

import httpx

CLIENTS, ANSWERS = 16, 200  # concurrent clients; responses before the server is stopped
TEXTS = ["The black cat sleeps.", "Where is my key?", "We are going to the market."]

statuses: Counter[int] = Counter()
unanswered: list[float] = []  # when these requests were sent


def send_requests(url: str) -> None:
    """Send requests until one is not answered."""
    with httpx.Client(base_url=url, timeout=30) as client:
        while True:
            sent = time.monotonic()
            try:
                statuses[client.post("/translate", json={"q": TEXTS, "source": "en", "target": "fr"}).status_code] += 1
            except httpx.HTTPError:
                unanswered.append(sent)
                return


def main() -> None:
    """Start the clients, stop the server, and check the responses."""
    url, *command = sys.argv[1:]
    clients = [threading.Thread(target=send_requests, args=(url,)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    while statuses.total() < ANSWERS and any(client.is_alive() for client in clients):
        time.sleep(0.01)
    stopped = time.monotonic()
    subprocess.run(command, check=True)
    for client in clients:
        client.join()
    print(f"answers: {dict(statuses)}; unanswered: {len(unanswered)}")
    lost = [sent for sent in unanswered if sent < stopped]
    # 503: refused while earlier requests were finished.
    if lost or set(statuses) - {200, 503}:
        sys.exit(f"{len(lost)} requests were lost")


if __name__ == "__main__":
    main()
