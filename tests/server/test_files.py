"""Files of runs at the server: what an apply needs, and what it refuses."""

import hashlib

from tests.server.conftest import Served

TASK = "type: task\nname: work\nresources: {cpu: 1.., memory: 1GB..}\ncommands: [ls]\nfiles: [src]\n"
CONTENT = b"an archive"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


async def test_an_apply_needs_its_files_and_takes_them_in_any_project_of_its_own(served: Served) -> None:
    body = {"files": [{"name": "x.yml", "text": TASK}]}
    unsent = await served.ask("POST", "/api/projects/main/plan", "user", json=body)
    assert [one["code"] for one in unsent.json()["diagnostics"]] == ["unsent-files"]
    body["packed"] = [{"file": "x.yml", "local_path": "src", "digest": DIGEST}]
    assert (await served.ask("POST", "/api/projects/main/plan", "user", json=body)).status_code == 200
    refused = await served.ask("POST", "/api/projects/main/apply", "user", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "files-missing")
    path = f"/api/projects/main/archives/{DIGEST}"
    wrong = await served.ask("PUT", path, "user", content=b"another archive")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid-request")
    assert (await served.ask("PUT", path, "user", content=CONTENT)).json() == {"digest": DIGEST, "bytes": len(CONTENT)}
    assert (await served.ask("POST", "/api/projects/main/apply", "user", json=body)).status_code == 200
    again = (await served.ask("POST", "/api/projects/main/plan", "user", json=body)).json()
    assert [one["action"] for one in again["changes"]] == ["unchanged"]


async def test_digests_are_bounded(served: Served) -> None:
    for digests in (["x"], ["0" * 64] * 5001):
        answer = await served.ask("POST", "/api/projects/main/archives/missing", "user", json={"digests": digests})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    token = {"Authorization": f"Bearer {served.tokens['user']}", "Content-Length": str(129 << 20)}
    large = await served.client.put(f"/api/projects/main/archives/{DIGEST}", headers=token, content=b"")
    assert (large.status_code, large.json()["code"]) == (413, "too-large")
