"""What the gateway is measured beside in the same run, on loopback, with the same certificates: nginx answering 204, which is
the unit of CPU, and a service in Node.js that does a part of the gateway's job (peer/server.mjs). Stopped by pid."""

import glob
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from world import BUILD, ROOT, free_port, run, wait_for, write  # noqa: E402  (their folder is named above)

PEER = os.path.join(BUILD, "peer")


class Neighbour:
    """A process that listens on a port of loopback."""

    def __init__(self):
        self.port, self.process = free_port(), None

    def wait(self):
        def listening():
            if self.process.poll() is not None:
                raise AssertionError(f"{type(self).__name__} ended with {self.process.returncode}")
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.port)) == 0
        wait_for(listening)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Nginx(Neighbour):
    """Debian's nginx, unpacked beside the rest where it is not installed: no service is started or left behind."""

    def __init__(self, world, node):
        super().__init__()
        self.folder = f"{world.folder}/nginx"
        os.makedirs(f"{self.folder}/temp")
        self.program = next((p for p in ("/usr/sbin/nginx", "/usr/bin/nginx") if os.access(p, os.X_OK)), None) or self.unpack()
        temp = "".join(f"  {kind}_temp_path {self.folder}/temp/{kind};\n"
                       for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        tls = f"{node.folder}/tls"
        write(f"{self.folder}/nginx.conf", f"""
daemon off;
worker_processes auto;
pid {self.folder}/pid;
error_log {self.folder}/error.log;
events {{ worker_connections 4096; }}
http {{
{temp}  access_log off;
  keepalive_requests 100000000;
  server {{
    listen 127.0.0.1:{self.port} ssl reuseport;
    ssl_protocols TLSv1.3;
    ssl_certificate {tls}/gateway.pem;
    ssl_certificate_key {tls}/gateway.key;
    ssl_client_certificate {tls}/authorities.pem;
    ssl_verify_client on;
    ssl_session_tickets off;
    location / {{ return 204; }}
  }}
}}
""")

    def unpack(self):
        print("fetching Debian's nginx into the temporary folder", flush=True)
        fetch = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "nginx"]
        if run(*fetch, cwd=self.folder, ok=False)[0] != 0:
            root = [] if os.geteuid() == 0 else ["sudo"]
            run(*root, "apt-get", "-qq", "update")
            run(*fetch, cwd=self.folder)
        run("dpkg", "-x", glob.glob(f"{self.folder}/nginx_*.deb")[0], self.folder)
        return f"{self.folder}/usr/sbin/nginx"

    def start(self):
        self.process = subprocess.Popen([self.program, "-e", f"{self.folder}/error.log", "-p", self.folder, "-c",
                                         f"{self.folder}/nginx.conf"])
        self.wait()


class Peer(Neighbour):
    """The service in Node.js, of one process or several."""

    def __init__(self, world, node, processes):
        super().__init__()
        self.node, self.processes, self.folder = node, processes, f"{world.folder}/peer-{processes}"
        os.makedirs(self.folder)

    @staticmethod
    def installed():
        return os.path.isdir(f"{PEER}/node_modules")

    def start(self, wrap=()):
        """`wrap`: the words before the command."""
        self.process = subprocess.Popen([*wrap, "node", f"{PEER}/server.mjs", str(self.port), str(self.processes), f"{self.node.folder}/tls",
                                         f"{ROOT}/schema/records/passenger.schema.json", self.folder], stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError(f"the service in Node.js did not start: {self.process.wait(10)}")
