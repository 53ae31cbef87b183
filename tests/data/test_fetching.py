"""Fetching from a server on this computer: broken, wrong, resumed, sent on, slow, stopped."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqstudio.core.errors import DataError
from seqstudio.data import catalogue as listing
from seqstudio.data import fetching
from seqstudio.data.catalogue import Entry, catalogue, check_url, read_catalogue
from seqstudio.data.fetching import StoppedError, discard, fetch, is_here, part_size, place_of

BODY = bytes(range(256)) * 1200
Answer = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    answers: dict[str, Answer]
    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Range", "")))
        self.answers[self.path](self)

    def log_message(self, *_words: Any) -> None:
        return

    def send(self, data: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)


class Server:
    def __init__(self) -> None:
        handler = type("Mine", (Handler,), {"answers": {}, "asked": []})
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.answers: dict[str, Answer] = handler.answers  # type: ignore[attr-defined]
        self.asked: list[tuple[str, str]] = handler.asked  # type: ignore[attr-defined]
        self.root = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def entry(self, path: str, data: bytes = BODY, **changes: Any) -> Entry:
        file = {
            "name": "set.bin",
            "url": self.root + path,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            **changes,
        }
        return entry_of([file])


def raw_entry(files: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    told = dict.fromkeys(("title", "about", "template", "licence", "citation"), "words")
    urls = dict.fromkeys(("home", "licence_url"), "https://example.org/")
    return {"id": "a-set", "kind": "text", **told, **urls, "files": files, **changes}


def entry_of(files: list[dict[str, Any]]) -> Entry:
    return listing._Checked("list", 1, raw_entry(files)).entry()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def whole(handler: Handler) -> None:
    """Answer as a good server does, with ranges."""
    told = handler.headers.get("Range", "")
    if not told:
        handler.send(BODY)
        return
    begin = int(told.removeprefix("bytes=").rstrip("-"))
    span = f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}"
    handler.send(BODY[begin:], 206, Content_Range=span)


def half(handler: Handler) -> None:
    """Promise all, send half and hang up."""
    handler.send(BODY[: len(BODY) // 2], Content_Length=str(len(BODY)))


def test_a_set_comes_whole_and_is_not_fetched_twice(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = whole
    entry, told = server.entry("/a"), []
    assert not is_here(entry, tmp_path)
    path = fetch(entry, tmp_path, told=told.append)
    assert path == place_of(entry, tmp_path)
    assert path.read_bytes() == BODY
    counts = [each.done for each in told]
    assert counts == sorted(counts)
    assert counts[-1] == entry.size == len(BODY)
    assert fetch(entry, tmp_path) == path
    assert len(server.asked) == 1
    assert is_here(entry, tmp_path)
    path.write_bytes(BODY[:-1] + b"x")
    assert fetch(entry, tmp_path).read_bytes() == BODY, "a damaged file is fetched again"


def test_a_broken_transfer_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = half
    entry = server.entry("/a")
    with pytest.raises(DataError, match="broke off"):
        fetch(entry, tmp_path)
    assert part_size(entry, tmp_path) == len(BODY) // 2
    assert not is_here(entry, tmp_path)
    server.answers["/a"] = whole
    assert fetch(entry, tmp_path).read_bytes() == BODY
    assert server.asked[-1] == ("/a", f"bytes={len(BODY) // 2}-")
    assert [each.name for each in (tmp_path / "a-set").iterdir()] == ["set.bin"]


def test_a_server_without_ranges_begins_again(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = half
    entry = server.entry("/a")
    with pytest.raises(DataError):
        fetch(entry, tmp_path)
    server.answers["/a"] = lambda handler: handler.send(BODY)
    assert fetch(entry, tmp_path).read_bytes() == BODY


def test_a_half_of_something_else_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = whole
    entry = server.entry("/a")
    part = tmp_path / "a-set" / "set.bin.part"
    part.parent.mkdir()
    part.write_bytes(b"x" * 1000)
    assert fetch(entry, tmp_path).read_bytes() == BODY
    assert [asked for _, asked in server.asked] == ["bytes=1000-", ""]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda h: h.send(BODY[:-1] + b"x"), "SHA-256 is another one"),
        (lambda h: h.send(BODY + b"more"), "bytes were expected"),
        (lambda h: h.send(BODY, 404), "answers 404"),
        (lambda h: h.send(BODY, Content_Encoding="gzip"), "came packed"),
        (lambda h: h.send(b"", 302, Location="http://example.org/a"), "only addresses"),
        (lambda h: h.send(b"", 302, Location="ftp://example.org/a"), "only addresses"),
        (lambda h: h.send(b"", 302, Location="file:///etc/hostname"), "sends on"),
        (lambda h: h.send(b"", 302, Location="/a"), "sends on"),
    ],
)
def test_what_is_not_the_file_is_refused(
    server: Server, tmp_path: Path, answer: Answer, words: str
) -> None:
    server.answers["/a"] = answer
    entry = server.entry("/a")
    with pytest.raises(DataError) as caught:
        fetch(entry, tmp_path)
    assert words in caught.value.sentence()
    assert not place_of(entry, tmp_path).exists()


def test_a_flood_without_a_length_is_cut_off(server: Server, tmp_path: Path) -> None:
    def flood(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(BODY * 2)

    server.answers["/a"] = flood
    with pytest.raises(DataError, match="larger than the catalogue"):
        fetch(server.entry("/a"), tmp_path)
    assert list((tmp_path / "a-set").iterdir()) == []


def test_a_server_that_sends_on_is_followed(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = lambda h: h.send(b"", 302, Location=server.root + "/b")
    server.answers["/b"] = whole
    assert fetch(server.entry("/a"), tmp_path).read_bytes() == BODY


def test_silence_and_absence_are_said(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.2)
    go = threading.Event()
    server.answers["/a"] = lambda _: go.wait(5) and None
    entry = server.entry("/a")
    with pytest.raises(DataError, match="does not answer"):
        fetch(entry, tmp_path)
    go.set()
    closed = server.entry("/a", url="http://127.0.0.1:9/a")
    with pytest.raises(DataError) as caught:
        fetch(closed, tmp_path)
    assert "offline" in caught.value.sentence()


def test_a_trickle_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_WATCHED_S", 0.05)

    def trickle(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for at in range(100):
            handler.wfile.write(BODY[at : at + 1])
            handler.wfile.flush()
            time.sleep(0.01)

    server.answers["/a"] = trickle
    with pytest.raises(DataError, match="too slowly"):
        fetch(server.entry("/a"), tmp_path)


def test_stopping_keeps_the_part_and_discarding_takes_it_away(
    server: Server, tmp_path: Path
) -> None:
    server.answers["/a"] = whole
    entry, seen = server.entry("/a"), []
    with pytest.raises(StoppedError):
        fetch(entry, tmp_path, told=seen.append, stopped=lambda: len(seen) > 0)
    assert 0 < part_size(entry, tmp_path) < len(BODY)
    assert fetch(entry, tmp_path).read_bytes() == BODY
    (tmp_path / "a-set" / "set.bin").unlink()
    (tmp_path / "a-set" / "set.bin.part").write_bytes(b"x")
    discard(entry, tmp_path)
    assert part_size(entry, tmp_path) == 0


def packed(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
        archive.writestr("../../escape.txt", b"bad")
    return out.getvalue()


def test_one_named_member_of_an_archive_is_kept(server: Server, tmp_path: Path) -> None:
    archive = packed("inner/a.txt", BODY)
    server.answers["/z"] = lambda h: h.send(archive)
    member = {"name": "inner/a.txt", "size": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest()}
    entry = server.entry("/z", archive, member=member)
    assert fetch(entry, tmp_path).read_bytes() == BODY
    assert [each.name for each in (tmp_path / "a-set").iterdir()] == ["set.bin"]
    assert is_here(entry, tmp_path)


@pytest.mark.parametrize(
    "member",
    [
        {"name": "other", "size": 5, "sha256": "0" * 64},
        {"name": "inner/a.txt", "size": 5, "sha256": "0" * 64},
        {"name": "inner/a.txt", "size": len(BODY), "sha256": "0" * 64},
    ],
)
def test_a_wrong_member_is_refused(server: Server, tmp_path: Path, member: dict[str, Any]) -> None:
    archive = packed("inner/a.txt", BODY)
    server.answers["/z"] = lambda h: h.send(archive)
    with pytest.raises(DataError):
        fetch(server.entry("/z", archive, member=member), tmp_path)
    assert not (tmp_path / "a-set" / "set.bin").exists()
    assert not (tmp_path.parent / "escape.txt").exists()


def test_a_set_of_several_files_is_a_folder(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = whole
    digest = hashlib.sha256(BODY).hexdigest()
    files = [
        {"name": name, "url": server.root + "/a", "size": len(BODY), "sha256": digest}
        for name in ("one.txt", "two.txt")
    ]
    path = fetch(entry_of(files), tmp_path)
    assert sorted(each.name for each in path.iterdir()) == ["one.txt", "two.txt"]


def test_the_shipped_list_is_good() -> None:
    from seqstudio.blocks.templates import TEMPLATES

    found = catalogue(None)
    assert len(found) >= 5
    for entry in found.values():
        assert all(file.url.startswith("https://") for file in entry.files)
        assert entry.template in TEMPLATES, entry.id


def test_an_own_list_adds_and_never_replaces(tmp_path: Path) -> None:
    file = {"name": "a", "url": "https://example.org/a", "size": 1, "sha256": "0" * 64}
    own = tmp_path / "mine.json"
    sets = [raw_entry([file]), raw_entry([file], id="tiny-shakespeare")]
    own.write_text(json.dumps({"datasets": sets}))
    found = catalogue(own)
    assert found["a-set"].files[0].size == 1
    assert found["tiny-shakespeare"].files[0].size == 1_115_394


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "../a"}, "name"),
        ({"name": ".hidden"}, "name"),
        ({"name": "a\u202etxt"}, "name"),
        ({"size": -1}, "size"),
        ({"size": True}, "size"),
        ({"size": 10**13}, "size"),
        ({"sha256": "abc"}, "sha256"),
        ({"url": "http://example.org/a"}, "https"),
        ({"url": "https://user:word@example.org/a"}, "https"),
        ({"url": "file:///etc/passwd"}, "https"),
    ],
)
def test_a_wrong_list_is_refused_by_its_field(
    tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    file = {"name": "a", "url": "https://example.org/a", "size": 1, "sha256": "0" * 64, **changes}
    own = tmp_path / "mine.json"
    own.write_text(json.dumps({"datasets": [raw_entry([file])]}))
    with pytest.raises(DataError) as caught:
        read_catalogue(own)
    assert field in caught.value.sentence()


@pytest.mark.parametrize("text", ["[1]", "{}", "x", '{"datasets": [3]}', "[" * 9000])
def test_what_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    own = tmp_path / "mine.json"
    own.write_text(text)
    with pytest.raises(DataError):
        read_catalogue(own)


def test_plain_http_goes_to_this_computer_only() -> None:
    check_url("http://127.0.0.1:80/a")
    for url in ("http://127.0.0.1.example.org/", "http:///a", "https://", "https://[::1"):
        with pytest.raises(DataError):
            check_url(url)
