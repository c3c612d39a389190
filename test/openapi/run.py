"""What tools that others wrote make of /openapi.json, as a gateway serves it. Argument: the folder with their packages.
Ends with `N passed, N failed`."""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../e2e"]
sys.dont_write_bytecode = True

from world import World, read, write  # noqa: E402


def tool(folder, *words):
    """Runs one in that folder; prints what it says where it fails. Its standard output, or None."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "REDOCLY_TELEMETRY": "off", "NO_COLOR": "1", "PATH": f"{folder}/node_modules/.bin:{os.environ['PATH']}"})
    if done.returncode == 0:
        return done.stdout
    print(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return None


def lint(folder):
    """Neither errors nor warnings."""
    done = tool(folder, "redocly", "lint", "--config", "redocly.yaml", "--format", "json", "openapi.json")
    totals = json.loads(done[done.index("{"):])["totals"] if done else {}
    print(f"redocly lint: {totals.get('errors')} errors, {totals.get('warnings')} warnings, {totals.get('ignored')} ignored")
    return totals == {"errors": 0, "warnings": 0, "ignored": 0}


def types(folder):
    made = tool(folder, "openapi-typescript", "openapi.json", "-o", "gateway.d.ts") is not None
    return made and "postRecord" in read(f"{folder}/gateway.d.ts")


def compiled(folder):
    return tool(folder, "tsc", "-p", "tsconfig.json") is not None


def posted(folder, world):
    certificate, key = world.systems["north"]
    document = json.loads(read(f"{folder}/openapi.json"))
    content = document["paths"]["/v1/agreements/{id}/records"]["post"]["requestBody"]["content"]
    write(f"{folder}/envelope.json", json.dumps(content["application/json"]["examples"]["released"]["value"]))
    said = tool(folder, "node", "out/client.js", world.north.host, str(world.north.port), certificate, key, world.authority.cert, "envelope.json")
    if said is None:
        return False
    print(said, end="")
    return json.loads(said) == {
        "posted": {"status": 201, "outcome": "released-transformed", "receipt": "c2sp.org/tlog-proof@v1"},
        "refused": {"status": 403, "type": "/problems/purpose-not-permitted", "allowed": ["terrorism-prevention", "serious-crime"]},
        "batch": [201, 201], "state": "released-transformed", "sent": [201, 201, 403, 201], "agency": "north"}


def main():
    folder = sys.argv[1]
    with World() as w:
        draft = f"{w.folder}/pnr.json"
        w.north.ctl("agreement", "new", "--with", "south", "--preset", "pnr", draft)
        w.sign(draft)
        for n in w.nodes:
            n.ctl("agreement", "add", draft)
        w.north.start()
        status, _, body = w.client("north").request("GET", "/openapi.json")
        write(f"{folder}/openapi.json", body.decode())
        verdicts = {"served": status == 200, "lint": lint(folder), "types": types(folder), "compiled": compiled(folder), "posted": posted(folder, w)}
    failed = [name for name, good in verdicts.items() if not good]
    for name in failed:
        print(f"FAILED {name}")
    print(f"{len(verdicts) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
