/**
 * Echoes 8-byte messages, or calls such a process and measures it.
 *
 * `serve TRANSPORTS MODE` prints its address, and sends back what comes; a message of 0 ends it, with what its driver
 * counted. `call TRANSPORTS STYLE ROUNDS GAP_MS IDLE_MS ADDRESS PID` sends, waits by spinning (`spin`) or for a promise (`await`),
 * and prints round trips in µs, and the processor time of the idle server.
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { ProgressDriver } from "../../../src/ucx/progress.ts";
import type { ProgressOptions } from "../../../src/ucx/progress_options.ts";
import { UcpDrivenWorker } from "../../support/ucp_driven_worker.ts";

const warmRounds = 20;

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}

function serve(transports: string, mode: string): void {
  const worker = new UcpDrivenWorker(transports);
  const driver = new ProgressDriver(worker, fail, {
    mode: mode as ProgressOptions["mode"],
  });
  let connected = false;
  worker.onMessage = (bytes) => {
    if (!connected) {
      worker.connect(bytes);
      connected = true;
    } else if (bytes[0] === 0) {
      console.log(JSON.stringify(driver.statistics));
      driver.stop();
    } else worker.send(bytes);
  };
  driver.start();
  driver.hold();
  console.log(Buffer.from(worker.address).toString("hex"));
}

/** Nanoseconds that all threads of a process have run. */
function processorNs(pid: string): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks)
    .map((task) => readFileSync(`${tasks}/${task}/schedstat`, "utf8"))
    .reduce((sum, line) => sum + Number(line.split(" ")[0]), 0);
}

function pauseMs(timeoutMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeoutMs);
}

async function call(
  transports: string,
  style: string,
  rounds: number,
  gapMs: number,
  idleMs: number,
  address: string,
  pid: string,
): Promise<void> {
  const worker = new UcpDrivenWorker(transports);
  const driver = new ProgressDriver(worker, fail);
  let answer: number | undefined;
  let resolve: (() => void) | undefined;
  worker.onMessage = (bytes) => {
    answer = bytes[0];
    resolve?.();
  };
  const answered = (): boolean => answer !== undefined;
  worker.connect(new Uint8Array(Buffer.from(address, "hex")));
  worker.send(worker.address);
  if (style === "await") driver.start();
  driver.hold();
  const roundTripsUs: number[] = [];
  const message = new Uint8Array(new ArrayBuffer(8));
  for (let round = 0; round < rounds + warmRounds; round++) {
    if (gapMs > 0) pauseMs(gapMs);
    message[0] = 1 + (round % 100);
    answer = undefined;
    const startMs = performance.now();
    worker.send(message);
    if (style === "spin") while (!answered()) worker.progress();
    else if (!driver.spin(answered)) {
      driver.notify();
      await new Promise<void>((done) => {
        resolve = done;
      });
    }
    const tookUs = (performance.now() - startMs) * 1000;
    if (answer !== message[0]) fail(new Error(`wrong answer ${answer}`));
    if (round >= warmRounds) roundTripsUs.push(tookUs);
  }
  driver.release();
  driver.stop();
  const beforeNs = processorNs(pid);
  const startMs = performance.now();
  pauseMs(idleMs);
  const idleNs = processorNs(pid) - beforeNs;
  const idleShare = idleNs / 1e6 / (performance.now() - startMs);
  message[0] = 0;
  worker.send(message);
  roundTripsUs.sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round((roundTripsUs[Math.floor(rounds * share)] ?? 0) * 10) / 10;
  console.log(
    JSON.stringify({
      rounds,
      medianUs: at(0.5),
      p90Us: at(0.9),
      p99Us: at(0.99),
      idlePercent: Math.round(idleShare * 100 * 1000) / 1000,
    }),
  );
  // Lets the last message out.
  for (let turn = 0; turn < 100; turn++) {
    worker.progress();
    pauseMs(1);
  }
  process.exit(0);
}

const [role, transports = "", ...rest] = process.argv.slice(2);
if (role === "serve") serve(transports, rest[0] ?? "");
else {
  const [style = "", rounds, gapMs, idleMs, address = "", pid = ""] = rest;
  await call(
    transports,
    style,
    Number(rounds),
    Number(gapMs),
    Number(idleMs),
    address,
    pid,
  );
}
