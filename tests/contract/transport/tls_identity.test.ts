import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import {
  createServer,
  type AddressInfo,
  connect as connectNet,
} from "node:net";
import { connect as connectTls } from "node:tls";
import {
  TimedOutError,
  TlsCertificateError,
  TlsExpiredError,
  TlsHandshakeError,
  TlsMaterialError,
  TlsUnknownAuthorityError,
  TlsWrongHostError,
  TransportError,
  UnsupportedFeatureError,
} from "../../../src/transport/errors.ts";
import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import type { TlsServerOptions } from "../../../src/transport/tls_options.ts";
import { TestAuthority } from "../../support/test_certificates.ts";
import {
  afterAll,
  afterEach,
  describe,
  expect,
  test,
} from "../../support/testing.ts";
import {
  Recorder,
  refusalOf,
  TransportTrials,
} from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

const authority = new TestAuthority();
const stranger = new TestAuthority();
const names = "DNS:localhost,IP:127.0.0.1";
const server = authority.issue("localhost", names);
const other = authority.issue("other", "DNS:other.example");
const expired = authority.issue("expired", names, -1);
const client = authority.issue("client 1", "DNS:client-1");
const forged = stranger.issue("client 1", "DNS:client-1");
const { ca } = authority;

const trials = new TransportTrials({
  registry: createDefaultRegistry(),
  scheme: "tls",
  listenAddress: () => "tls://127.0.0.1:0",
  deadAddress: () => "tls://127.0.0.1:1",
  listenOptions: () => ({ tls: server }),
  connectOptions: () => ({ tls: { ca } }),
});
afterEach(() => trials.closeAll());
afterAll(() => {
  authority.remove();
  stranger.remove();
});

/** Listens with these options; what it accepts is kept. */
async function listenWith(tls: TlsServerOptions, handshakeTimeoutMs = 5000) {
  const accepted: Recorder[] = [];
  const listener = await trials.listen(
    (connection) => {
      const recorder = new Recorder(connection);
      accepted.push(recorder);
      return recorder;
    },
    { tls, handshakeTimeoutMs },
  );
  const port = Number(new URL(listener.address).port);
  return { listener, accepted, port, byName: `tls://localhost:${port}` };
}

describe("tls: who is who", () => {
  test("both ends know version, protocol, name and certificates", async () => {
    const { accepted, byName } = await listenWith({
      ...server,
      ca,
      requestClientCertificate: true,
      alpnProtocols: ["ringwire/1", "ringwire/0"],
    });
    const connected = await trials.connect(byName, {
      tls: { ca, ...client, alpnProtocols: ["ringwire/0", "ringwire/1"] },
    });
    await until("accepted", () => accepted.length === 1);
    const here = connected.connection.tls;
    const there = accepted[0]?.connection.tls;
    expect(here?.version).toBe("TLSv1.3");
    expect(there?.version).toBe("TLSv1.3");
    expect(here?.alpnProtocol).toBe("ringwire/1");
    expect(there?.alpnProtocol).toBe("ringwire/1");
    expect(here?.serverName).toBe("localhost");
    expect(there?.serverName).toBe("localhost");
    expect(here?.peerCertificate?.commonName).toBe("localhost");
    expect(here?.peerCertificate?.alternativeNames).toEqual([
      "DNS:localhost",
      "IP Address:127.0.0.1",
    ]);
    const who = there?.peerCertificate;
    expect(who?.commonName).toBe("client 1");
    expect(who?.subject).toBe("CN=client 1");
    expect(who?.issuer).toBe("CN=Ringwire test authority");
    expect(who?.fingerprint256).toMatch(/^[0-9A-F]{2}(?::[0-9A-F]{2}){31}$/);
    expect(Number(who?.validTo) > Date.now()).toBe(true);
  });

  test("without a request there is no client certificate, and no protocol without an offer", async () => {
    const { accepted, byName } = await listenWith(server);
    await trials.connect(byName, { tls: { ca, ...client } });
    await until("accepted", () => accepted.length === 1);
    expect(accepted[0]?.connection.tls?.peerCertificate).toBe(undefined);
    expect(accepted[0]?.connection.tls?.alpnProtocol).toBe(undefined);
  });

  test("a client without an accepted certificate never becomes a connection", async () => {
    const { listener, accepted, byName } = await listenWith({
      ...server,
      ca,
      requestClientCertificate: true,
    });
    for (const tls of [{ ca }, { ca, ...forged }]) {
      const before = listener.statistics.failedHandshakes;
      // In TLS 1.3 the client is ready before the server has looked at its certificate.
      const outcome = await trials
        .connect(byName, { tls })
        .catch((error: unknown) => error);
      if (outcome instanceof Recorder) {
        const reason = await outcome.whenClosed();
        expect(["tls", "reset", "peer"]).toContain(reason.kind);
      } else expect(outcome).toBeInstanceOf(TlsHandshakeError);
      await until(
        "counted",
        () => listener.statistics.failedHandshakes === before + 1,
      );
    }
    expect(accepted.length).toBe(0);
    await trials.connect(byName, { tls: { ca, ...client } });
    await until("accepted", () => accepted.length === 1);
  });

  test("wrong host, unknown authority and expired are errors of their own", async () => {
    for (const [tls, expected] of [
      [other, TlsWrongHostError],
      [expired, TlsExpiredError],
    ] as const) {
      const { byName } = await listenWith(tls);
      const refused = await refusalOf(trials.connect(byName));
      expect(refused).toBeInstanceOf(expected);
      expect(refused).toBeInstanceOf(TlsCertificateError);
      expect((refused as TlsCertificateError).address).toBe(byName);
    }
    const { byName, accepted } = await listenWith(server);
    for (const tls of [{}, { ca: stranger.ca }])
      expect(await refusalOf(trials.connect(byName, { tls }))).toBeInstanceOf(
        TlsUnknownAuthorityError,
      );
    // The name may be another than the host of the address.
    expect(
      await refusalOf(
        trials.connect(byName, { tls: { ca, serverName: "other.example" } }),
      ),
    ).toBeInstanceOf(TlsWrongHostError);
    await trials.connect(byName, { tls: { ca } });
    await until("accepted", () =>
      accepted.some((each) => each.connection.state === "open"),
    );
  });

  test("no common protocol is refused", async () => {
    const { byName } = await listenWith({ ...server, alpnProtocols: ["a"] });
    expect(
      await refusalOf(
        trials.connect(byName, { tls: { ca, alpnProtocols: ["b"] } }),
      ),
    ).toBeInstanceOf(TlsHandshakeError);
  });

  test("an older version than the minimal one is refused", async () => {
    const tls = { ...server, minimalVersion: "TLSv1.3" } as const;
    const { port, listener } = await listenWith(tls);
    const old = connectTls({
      host: "localhost",
      port,
      ca: readFileSync(ca),
      maxVersion: "TLSv1.2",
    });
    const failed = await new Promise<boolean>((resolve) => {
      old.on("error", () => resolve(true));
      old.on("secureConnect", () => resolve(false));
    });
    old.destroy();
    expect(failed).toBe(true);
    await until("counted", () => listener.statistics.failedHandshakes === 1);
  });
});

describe("tls: material", () => {
  test("is given as files, text or bytes, with a key encrypted or not", async () => {
    const locked = authority.path("locked.key");
    execFileSync("openssl", [
      "pkcs8",
      "-topk8",
      "-in",
      server.key,
      "-out",
      locked,
      "-passout",
      "pass:secret",
    ]);
    for (const tls of [
      server,
      {
        cert: readFileSync(server.cert, "utf8"),
        key: readFileSync(server.key, "utf8"),
      },
      { cert: readFileSync(server.cert), key: readFileSync(server.key) },
      { cert: server.cert, key: locked, passphrase: "secret" },
    ]) {
      const { byName } = await listenWith(tls);
      await trials.connect(byName, {
        tls: { ca: [readFileSync(stranger.ca), readFileSync(ca, "utf8")] },
      });
    }
  });

  test("that cannot be used is a typed error that names it", async () => {
    const garbage = authority.path("garbage.pem");
    writeFileSync(garbage, "no certificate");
    for (const [tls, said] of [
      [{ ...server, cert: authority.path("none.pem") }, "tls.cert"],
      [{ ...server, cert: garbage }, "tls.cert"],
      [{ ...server, key: server.cert }, "tls.key"],
      [{ ...server, key: client.key }, "does not belong"],
      [{ ...server, ca: garbage }, "tls.ca"],
    ] as const) {
      const refused = await refusalOf(listenWith(tls));
      expect(refused).toBeInstanceOf(TlsMaterialError);
      expect((refused as Error).message).toContain(said);
    }
    const tls = { ...server, requestClientCertificate: true };
    expect(await refusalOf(listenWith(tls))).toBeInstanceOf(TypeError);
    const { byName } = await listenWith(server);
    expect(
      await refusalOf(
        trials.connect(byName, { tls: { ca, cert: client.cert } }),
      ),
    ).toBeInstanceOf(TypeError);
  });

  test("is required by tls, and refused by what has no TLS", async () => {
    const registry = createDefaultRegistry();
    const start = () => ({ data() {}, drain() {}, closed() {} });
    const { adapter, address } = registry.resolve("tls://127.0.0.1:0");
    expect(await refusalOf(adapter.listen(address, {}, start))).toBeInstanceOf(
      TypeError,
    );
    const tcp = registry.resolve("tcp://127.0.0.1:0");
    expect(
      await refusalOf(tcp.adapter.listen(tcp.address, { tls: server }, start)),
    ).toBeInstanceOf(TypeError);
    const plain = await tcp.adapter.listen(tcp.address, {}, start);
    expect(await refusalOf(plain.setCertificates(server))).toBeInstanceOf(
      UnsupportedFeatureError,
    );
    await plain.close();
  });

  test("can be changed while listening; what cannot be used changes nothing", async () => {
    const { listener, byName } = await listenWith(other);
    expect(await refusalOf(trials.connect(byName))).toBeInstanceOf(
      TlsWrongHostError,
    );
    const inOtherName = { tls: { ca, serverName: "other.example" } };
    const old = await trials.connect(byName, inOtherName);
    await listener.setCertificates(server);
    const fresh = await trials.connect(byName);
    expect(fresh.connection.tls?.peerCertificate?.commonName).toBe("localhost");
    expect(old.connection.state).toBe("open");
    const { key } = client;
    expect(
      await refusalOf(listener.setCertificates({ ...server, key })),
    ).toBeInstanceOf(TlsMaterialError);
    await trials.connect(byName);
  });
});

describe("tls: peers that do not speak it", () => {
  test("a silent client is closed in time, garbage is refused, and others get in meanwhile", async () => {
    const { listener, port, byName, accepted } = await listenWith(server, 300);
    const silent = connectNet(port, "127.0.0.1");
    const garbled = connectNet(port, "127.0.0.1", () =>
      garbled.write("GET / HTTP/1.1\r\n\r\n".repeat(10)),
    );
    let closed = 0;
    for (const socket of [silent, garbled]) {
      socket.on("error", () => {});
      socket.on("close", () => {
        closed += 1;
      });
      socket.resume();
    }
    await trials.connect(byName);
    await until("both closed", () => closed === 2);
    await until("counted", () => listener.statistics.failedHandshakes === 2);
    expect(accepted.length).toBe(1);
    expect(accepted[0]?.connection.state).toBe("open");
  });

  test("silent clients count against maxConnections", async () => {
    const listener = await trials.listen(
      (connection) => new Recorder(connection),
      { maxConnections: 2, handshakeTimeoutMs: 1000 },
    );
    const port = Number(new URL(listener.address).port);
    const silent = [0, 1, 2].map(() => {
      const socket = connectNet(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      return socket;
    });
    await until("one refused", () => listener.statistics.refused === 1);
    expect(
      await refusalOf(trials.connect(listener.address, { timeoutMs: 2000 })),
    ).toBeInstanceOf(TransportError);
    for (const socket of silent) socket.destroy();
    await until("ended", () => listener.statistics.failedHandshakes === 2);
    await trials.connect(listener.address);
  });

  test("a silent server is given up in time, another protocol at once", async () => {
    for (const [greeting, timeoutMs, expected] of [
      ["", 300, TimedOutError],
      ["SSH-2.0 hello\r\n", 5000, TlsHandshakeError],
    ] as const) {
      const plain = createServer((socket) => {
        socket.on("error", () => {});
        socket.resume();
        if (greeting !== "") socket.write(greeting);
      });
      await new Promise<void>((resolve) =>
        plain.listen(0, "127.0.0.1", () => resolve()),
      );
      const { port } = plain.address() as AddressInfo;
      const refused = await refusalOf(
        trials.connect(`tls://127.0.0.1:${port}`, { timeoutMs }),
      );
      plain.close();
      expect(refused).toBeInstanceOf(expected);
    }
  });
});
