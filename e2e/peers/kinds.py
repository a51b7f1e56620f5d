"""The servers that notification-controller is run against: how each is started, what it is told, what it heard."""
import base64, contextlib, hashlib, json, select, socket, subprocess, urllib.request

import servers

NAMESPACE = "peers"
REVISION = "main@sha1:" + "a" * 40
EVENT = {
    "involvedObject": {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "namespace": NAMESPACE, "name": "app", "uid": "8d1e4b6c-2f7a-4c8e-9b0d-1a2b3c4d5e6f"},
    "severity": "error", "timestamp": "2026-01-02T03:04:05Z", "message": "build failed: <no> such file", "reason": "BuildFailed",
    "metadata": {"kustomize.toolkit.fluxcd.io/revision": REVISION}, "reportingController": "kustomize-controller",
}
TOKEN = "p4ss-word"


def get(url):
    return urllib.request.urlopen(url)


def same_event(event):
    """What of an event must arrive as it was sent."""
    for field in ("involvedObject", "severity", "reason"):
        yield field, event.get(field), EVENT[field]
    yield "message", event["message"].rsplit(" ", 1)[0], EVENT["message"]
    yield "metadata", event.get("metadata"), {"revision": REVISION}


class Peer:
    """A server. `spec` is of the Provider, `secrets` are what it names, by their names."""
    environment = {}

    def __init__(self, programs, work):
        self.programs, self.work, self.secrets = programs, work, {}
        self.port = servers.free_ports(1)

    def peers(self, *arguments):
        return [self.programs / "peers", *arguments]


class Alertmanager(Peer):
    name = "alertmanager"

    def start(self):
        config = self.work / "alertmanager.yml"
        config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        self.url = f"http://127.0.0.1:{self.port}/api/v2/alerts"
        self.spec = {"type": "alertmanager", "address": self.url}
        return [self.programs / "alertmanager", f"--config.file={config}", f"--storage.path={self.work / 'alerts'}",
                f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]

    def ready(self):
        return get(self.url).status == 200

    def heard(self):
        return json.load(get(self.url))

    def check(self, alerts, alert):
        wanted = {"alertname": "FluxKustomizationBuildfailed", "severity": "error", "reason": "BuildFailed", "kind": "Kustomization",
                  "name": "app", "namespace": NAMESPACE, "reportingcontroller": "kustomize-controller", "revision": REVISION}
        yield "labels", alerts[0]["labels"], wanted
        yield "message", alerts[0]["annotations"].get("message").rsplit(" ", 1)[0], EVENT["message"]


class Nats(Peer):
    """With a user's name and password. The log tells what was published: others may not read it."""
    name, config = "nats", None

    def start(self):
        self.spec = {"type": "nats", "address": f"nats://127.0.0.1:{self.port}", "channel": "flux.events", "secretRef": {"name": self.name}}
        self.log = self.work / f"{self.name}.log"
        trust = self.trust()
        return self.peers("nats", "--addr", "127.0.0.1", "--port", str(self.port), "--trace", "--logtime=false", *trust)

    def trust(self):
        self.secrets[self.name] = {"username": "flux", "password": TOKEN}
        return ["--user", "flux", "--pass", TOKEN]

    def ready(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            return connection.makefile("rb").readline().startswith(b"INFO")

    def heard(self):
        subject, payload = None, None
        for line in self.log.read_text(errors="replace").splitlines():
            if "<<- [PUB flux.events" in line:
                subject = line
            elif subject and "MSG_PAYLOAD: [" in line:
                payload = line.split("MSG_PAYLOAD: [", 1)[1].rstrip("]")
        if not payload:
            return None
        payload = payload.strip('"').encode().decode("unicode_escape") if payload.startswith('"') else payload
        return json.loads(payload)

    def check(self, event, alert):
        yield from same_event(event)


class NatsSubscribed(Nats):
    """The same, read by a subscriber."""
    name = "nats-subscriber"

    def ready(self):
        self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.stream = self.connection.makefile("rwb")
        self.stream.readline()
        login = {"user": "flux", "pass": TOKEN, "verbose": False, "pedantic": False, "lang": "python", "version": "1"}
        self.stream.write(f"CONNECT {json.dumps(login)}\r\nSUB flux.> 1\r\nPING\r\n".encode())
        self.stream.flush()
        while self.stream.readline() not in (b"PONG\r\n", b""):
            pass
        return True

    def heard(self):
        while select.select([self.connection], [], [], 1)[0]:
            line = self.stream.readline()
            if line.startswith(b"MSG "):
                return json.loads(self.stream.read(int(line.split()[-1])))


class NatsCredentials(Nats):
    """With a credentials file: an operator vouches for an account, and it for the user."""
    name, kept, config = "nats-credentials", "creds", "creds.conf"

    def trust(self):
        files = self.work / self.name
        files.mkdir()
        subprocess.run(self.peers("identities", "--dir", files), check=True)
        self.secrets[self.name] = {self.kept: (files / f"user.{'nk' if self.kept == 'nkey' else self.kept}").read_text()}
        return ["--config", str(files / self.config)]


class NatsKey(NatsCredentials):
    """With a key whose public half the server knows."""
    name, kept, config = "nats-nkey", "nkey", "nkey.conf"


class Collector(Peer):
    """With a token in the headers."""
    name = "otel"

    def start(self):
        self.file = self.work / f"{self.name}.json"
        self.address(f"http://127.0.0.1:{self.port}/v1/traces")
        self.secrets[self.name] = {"token": TOKEN, "headers": "X-Team: a\n"}
        config = self.work / f"{self.name}.yaml"
        config.write_text(json.dumps({
            "extensions": {"bearertokenauth": {"token": TOKEN}},
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.port}", "auth": {"authenticator": "bearertokenauth"}} | self.transport()}}},
            "exporters": {"file": {"path": str(self.file), "flush_interval": "100ms"}},
            "service": {"extensions": ["bearertokenauth"], "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}}},
        }))
        return self.peers("collector", "--config", str(config))

    def address(self, url):
        self.spec = {"type": "otel", "address": url, "secretRef": {"name": self.name}}

    def transport(self):
        return {}

    def ready(self):
        socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        return True

    def heard(self):
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in self.file.read_text().splitlines()]

    def check(self, lines, alert):
        resource = lines[0]["resourceSpans"][0]
        scope = resource["scopeSpans"][0]
        span = scope["spans"][0]
        attributes = lambda of: {pair["key"]: pair["value"].get("stringValue") for pair in of["attributes"]}
        about = EVENT["involvedObject"]
        yield "resource", attributes(resource["resource"]), {"service.name": f"{NAMESPACE}/{self.name}", "service.namespace": NAMESPACE, "service.instance.id": alert}
        yield "scope", scope["scope"]["name"], "flux:notification-controller"
        yield "trace", span["traceId"], hashlib.sha256(f"{alert}:{REVISION}".encode()).hexdigest()[:32]
        yield "parent", span.get("parentSpanId", ""), ""
        yield "name", span["name"], f"Kustomization: {NAMESPACE}/app"
        yield "attributes", attributes(span), {"revision": REVISION} | {f"object.{key}": about[key] for key in ("uid", "kind", "name", "namespace")}
        yield "start", span["startTimeUnixNano"], "1767323045000000000"
        yield "status", (span["status"]["code"], span["status"]["message"].rsplit(" ", 1)[0]), (2, EVENT["message"])


class SecureCollector(Collector):
    """By TLS, with certificates of a CA of its own on both sides."""
    name = "otel-tls"

    def transport(self):
        files = self.work / self.name
        files.mkdir()
        subprocess.run(self.peers("certificates", "--dir", files), check=True)
        read = lambda name: (files / name).read_text()
        self.secrets["otel-certificates"] = {"ca.crt": read("ca.crt"), "tls.crt": read("client.crt"), "tls.key": read("client.key")}
        self.spec["certSecretRef"] = {"name": "otel-certificates"}
        return {"tls": {"cert_file": f"{files}/server.crt", "key_file": f"{files}/server.key", "client_ca_file": f"{files}/ca.crt"}}

    def address(self, url):
        super().address(url.replace("http://", "https://"))


class PubSub(Peer):
    """Google's fake, as an emulator."""
    name = "pubsub"

    def start(self):
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {"PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.port}"}
        self.spec = {"type": "googlepubsub", "address": "project", "channel": "topic", "secretRef": {"name": self.name}}
        self.secrets[self.name] = {"headers": "team: a\n"}
        return self.peers("pubsub", "--listen", f"127.0.0.1:{self.port}")

    def ready(self):
        return urllib.request.urlopen(urllib.request.Request(f"{self.url}/v1/projects/project/topics/topic", method="PUT")).status == 200

    def heard(self):
        return json.load(get(f"{self.url}/messages"))

    def check(self, messages, alert):
        yield "attributes", messages[0]["Attributes"], {"team": "a"}
        yield from same_event(json.loads(base64.b64decode(messages[0]["Data"])))


ALL = [Alertmanager, Nats, NatsSubscribed, NatsCredentials, NatsKey, Collector, SecureCollector, PubSub]
