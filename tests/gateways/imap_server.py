"""A mailbox that speaks just enough IMAP over a real connection for a poll to be real."""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class PretendImap:
    """What is in the mailbox, by uid, and which of it is read."""

    mails: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    starred: set[int] = field(default_factory=set)
    validity: int = 7
    commands: list[str] = field(default_factory=list)
    url: str = ""

    def put(self, raw: bytes) -> int:
        uid = max(self.mails, default=100) + 1
        self.mails[uid] = raw
        return uid

    def answer(self, command: str) -> list[bytes]:
        """Return the untagged lines for a command."""
        self.commands.append(command)
        words = command.split()
        match [word.upper() for word in words[:2]]:
            case ["CAPABILITY", *_]:
                return [b"* CAPABILITY IMAP4rev1"]
            case ["SELECT", *_]:
                return [b"* %d EXISTS" % len(self.mails)]
            case ["STATUS", *_]:
                return [b'* STATUS "INBOX" (UIDVALIDITY %d)' % self.validity]
            case ["UID", "SEARCH"]:
                unseen = sorted(self.mails.keys() - self.seen)
                return [b"* SEARCH " + b" ".join(b"%d" % uid for uid in unseen)]
            case ["UID", "FETCH"]:
                return [self._mail(int(words[2]), command)]
            case ["UID", "STORE"]:
                marked = {int(uid) for uid in words[2].split(",")}
                self.seen |= marked
                self.starred |= marked if "Flagged" in command else set()
            case ["LOGOUT"]:
                return [b"* BYE"]
        return []

    def _mail(self, uid: int, command: str) -> bytes:
        if "BODY.PEEK" not in command:
            self.seen.add(uid)
        raw = self.mails[uid]
        head = b"* 1 FETCH (UID %d FLAGS () RFC822.SIZE %d BODY[] {%d}\r\n"
        return head % (uid, len(raw), len(raw)) + raw + b")"


@contextmanager
def a_mailbox() -> Iterator[PretendImap]:
    imap = PretendImap()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"* OK ready\r\n")
            for line in self.rfile:
                tag, _, command = line.decode().strip().partition(" ")
                refused = re.match(r"LOGIN .*wrong", command)
                for answer in imap.answer(command):
                    self.wfile.write(answer + b"\r\n")
                status = "NO refused" if refused else "OK done"
                self.wfile.write(f"{tag} {status}\r\n".encode())
                if command.upper() == "LOGOUT":
                    return

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    imap.url = f"imap://care:secret@127.0.0.1:{server.server_address[1]}/INBOX"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield imap
    server.shutdown()
    thread.join()
    server.server_close()
