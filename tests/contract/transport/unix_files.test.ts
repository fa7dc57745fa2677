import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect as connectNet, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AddressInUseError,
  ConnectionRefusedError,
  PathNotFoundError,
  PathTooLongError,
} from "../../../src/transport/errors.ts";
import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import {
  afterAll,
  afterEach,
  beforeEach,
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

const root = mkdtempSync(join(tmpdir(), "rw-unix-"));
let folder = root;
const trials = new TransportTrials({
  registry: createDefaultRegistry(),
  scheme: "unix",
  listenAddress: () => `unix://${join(folder, "x.sock")}`,
  deadAddress: () => `unix://${join(folder, "none.sock")}`,
});
beforeEach(() => {
  folder = mkdtempSync(join(root, "t"));
});
afterEach(() => trials.closeAll());
afterAll(() => rmSync(root, { recursive: true, force: true }));

const path = () => join(folder, "x.sock");
const modeOf = (file: string) => lstatSync(file).mode & 0o777;

/** Leaves a socket's file behind at which nobody listens. */
async function leaveStale(): Promise<void> {
  const listener = await trials.echo();
  renameSync(path(), `${path()}.kept`);
  await listener.close();
  renameSync(`${path()}.kept`, path());
}

describe("unix: the file of a listener", () => {
  test("has the mode that was asked for, 0600 by default, and nothing else is left", async () => {
    const first = await trials.echo();
    expect(modeOf(path())).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["x.sock"]);
    await first.close();
    expect(readdirSync(folder)).toEqual([]);
    await trials.echo({ mode: 0o660 });
    expect(modeOf(path())).toBe(0o660);
  });

  test("of a dead listener is replaced", async () => {
    await leaveStale();
    expect(existsSync(path())).toBe(true);
    expect(await refusalOf(trials.connect(`unix://${path()}`))).toBeInstanceOf(
      ConnectionRefusedError,
    );
    const listener = await trials.echo();
    await trials.connect(listener.address);
    expect(readdirSync(folder)).toEqual(["x.sock"]);
  });

  test("is taken by one of two that start at once", async () => {
    await leaveStale();
    const outcomes = await Promise.allSettled([trials.echo(), trials.echo()]);
    const refused = outcomes.flatMap((each) =>
      each.status === "rejected" ? [each.reason] : [],
    );
    expect(refused.length).toBe(1);
    expect(refused[0]).toBeInstanceOf(AddressInUseError);
    await trials.connect(`unix://${path()}`);
    expect(readdirSync(folder)).toEqual(["x.sock"]);
  });

  test("is never something that is no socket", async () => {
    writeFileSync(path(), "precious");
    expect(await refusalOf(trials.echo())).toBeInstanceOf(AddressInUseError);
    expect(lstatSync(path()).size).toBe(8);
    expect(readdirSync(folder)).toEqual(["x.sock"]);
  });

  test("stays when it is another's by then", async () => {
    const first = await trials.echo();
    renameSync(path(), `${path()}.aside`);
    await trials.echo();
    await first.stop();
    await trials.connect(`unix://${path()}`);
    expect(existsSync(path())).toBe(true);
  });

  test("may have the longest path that the system takes", async () => {
    const longest = join(folder, "x".repeat(107 - folder.length - 1));
    expect(longest.length).toBe(107);
    const listener = await trials.listen(
      (connection) => new Recorder(connection),
      {},
      `unix://${longest}`,
    );
    await trials.connect(listener.address);
  });

  test("with a path that is too long, or leads nowhere, is a typed error", async () => {
    const long = `unix://${join(folder, "x".repeat(108))}`;
    for (const work of [
      () => trials.listen((made) => new Recorder(made), {}, long),
      () => trials.connect(long),
    ]) {
      const refused = await refusalOf(work());
      expect(refused).toBeInstanceOf(PathTooLongError);
      expect((refused as Error).message).toContain("allowed 107");
    }
    const nowhere = `unix://${join(folder, "no", "x.sock")}`;
    for (const work of [
      () => trials.listen((made) => new Recorder(made), {}, nowhere),
      () => trials.connect(nowhere),
    ])
      expect(await refusalOf(work())).toBeInstanceOf(PathNotFoundError);
    // Bytes count, not characters.
    const umlauts = `unix://${join(folder, "ü".repeat(60))}`;
    expect(await refusalOf(trials.connect(umlauts))).toBeInstanceOf(
      PathTooLongError,
    );
  });
});

describe("unix: half-open peers", () => {
  test("get their answer after they have ended their side", async () => {
    const ends: string[] = [];
    const listener = await trials.listen((connection) => {
      const recorder = new Recorder(connection);
      return Object.assign(recorder, {
        ended() {
          ends.push(new TextDecoder().decode(recorder.bytes()));
          connection.write(new TextEncoder().encode("the answer"));
          void connection.close();
        },
      });
    });
    const answer = await new Promise<string>((resolve, reject) => {
      let text = "";
      const socket: Socket = connectNet({ path: path(), allowHalfOpen: true });
      socket.on("error", reject);
      socket.on("data", (chunk) => {
        text += chunk.toString();
      });
      socket.on("end", () => resolve(text));
      socket.end("the question");
    });
    expect(answer).toBe("the answer");
    expect(ends).toEqual(["the question"]);
    await until("gone", () => listener.connectionCount === 0);
  });
});
