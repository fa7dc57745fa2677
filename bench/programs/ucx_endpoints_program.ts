/**
 * Many connections to one worker: how fast they come about, and what memory and how many descriptors each takes.
 * Argument: UcxArgument.
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { UcxWorker } from "../../src/ucx/mod.ts";
import { report } from "./rounds.ts";
import { transports, type UcxArgument } from "./ucx_sizes.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as UcxArgument;
const worker = new UcxWorker({ ucx: transports[argument.transport] });

function residentBytes(): number {
  const [, kib = "0"] =
    /^VmRSS:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kib) * 1024;
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

if (argument.role === "server") {
  const listener = worker.createListener("127.0.0.1:0");
  console.log(listener.address);
  while (worker.getEndpointIds().length < argument.endpoints)
    worker.runProgressLoop(1);
  while (worker.getEndpointIds().length > 0) worker.runProgressLoop(1);
} else {
  // The first one pays for what all share.
  worker.connect(argument.address ?? "");
  const more = argument.endpoints - 1;
  const bytes = residentBytes();
  const files = descriptors();
  const startMs = performance.now();
  for (let index = 0; index < more; index++)
    worker.connect(argument.address ?? "");
  report(
    `${argument.report}.connects`,
    more / ((performance.now() - startMs) / 1000),
    "conn/s",
  );
  report(
    `${argument.report}.memory`,
    (residentBytes() - bytes) / more / 1024,
    "KiB",
  );
  report(
    `${argument.report}.descriptors`,
    (descriptors() - files) / more,
    "fds",
  );
}
worker.close({ timeoutMs: 10_000 });
