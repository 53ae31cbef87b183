"""`seqstudio data`: lists, fetches what is named, tells where; nothing else goes out."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqstudio.cli import main

BODY = "kind,said\n" + "".join(f"{'ab'[at % 2]},words of number {at}\n" for at in range(90))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY.encode())

    def log_message(self, *_words: object) -> None:
        return


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    words = dict.fromkeys(("title", "about", "licence", "citation"), "free")
    urls = dict.fromkeys(("home", "licence_url"), "https://example.org/")
    file = {
        "name": "set.csv",
        "url": f"http://127.0.0.1:{server.server_port}/",
        "size": len(BODY),
        "sha256": hashlib.sha256(BODY.encode()).hexdigest(),
    }
    entry = {"id": "mine", "kind": "sentences", "template": "sentiment-lstm", "files": [file]}
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"datasets": [entry | words | urls]}))
    yield path
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_set_is_listed_fetched_and_used(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "data dir"
    where = ("--catalogue", str(own), "--to", str(home))
    assert main(["data", "list", *where, "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"mine", "tiny-shakespeare"} <= {each["id"] for each in listed}
    assert not home.exists()
    assert main(["data", "get", "mine", *where]) == 0
    told = capsys.readouterr()
    assert told.out.index("Licence: free") < told.out.index("SHA-256 is right")
    assert "100 %" in told.err
    path = home / "mine" / "set.csv"
    assert path.read_text() == BODY
    out = tmp_path / "a.seq"
    assert main(["new", str(path), str(out)]) == 0
    assert main(["data", "where", *where]) == 0
    assert capsys.readouterr().out.strip().endswith(str(home))


def test_a_set_that_is_not_listed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "get", "tiny-shakespere"]) == 2
    assert "Did you mean tiny-shakespeare" in capsys.readouterr().err
    assert main(["data", "get"]) == 2
    assert "not named" in capsys.readouterr().err
