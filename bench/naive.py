"""What one would write without warden: answer every unread message, note it, mark it read.

One client, one request after another; no ledger, no checks, no recovery. Run: `python bench/naive.py URL AGENT`.
"""

from __future__ import annotations

import sys

import httpx

ANSWERS = {
    "ssh": "SSH certificates are issued by ops-warden: send your public key.",
    "key": "Ask llm-connect for a key.",
}


def main(url: str, agent: str) -> None:
    """Answer the inbox of `agent` at the hub at `url`."""
    with httpx.Client(base_url=url, trust_env=False) as client:
        after = None
        while True:
            query = {"to_agent": agent, "unread": "true", "limit": "100"} | ({"after": after} if after else {})
            page = client.get("/messages", params=query).raise_for_status().json()
            for message in page["messages"]:
                about = {"thread_id": message["thread_id"], "kind": "reply", "in_reply_to": message["id"]}
                text = next((answer for word, answer in ANSWERS.items() if word in message["body"].lower()), "No idea.")
                reply = {"from_agent": agent, "to_agent": message["from_agent"], "subject": "Re: " + message["subject"]}
                client.post("/messages", json={**reply, **about, "body": text}).raise_for_status()
                event = {"agent": agent, "summary": f"answered {message['id']}", "kind": "note"}
                client.post("/progress", json={**event, "message_id": message["id"]}).raise_for_status()
                client.post(f"/messages/{message['id']}/read").raise_for_status()
            after = page["after"]
            if after is None:
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
