/** Sends a message there and awaits one back, or the other way round. Argument: {there, back, echo, report}. */
import process from "node:process";
import { CrossProcessQueue, QueueClosedError } from "../../src/queue/mod.ts";
import { report, roundsCounted } from "./rounds.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as {
  there: string;
  back: string;
  echo: boolean;
  report: string;
};
const tripsPerRound = 4000;
const body = new Uint8Array(64).fill(0x61);
const open = argument.echo
  ? CrossProcessQueue.connect
  : CrossProcessQueue.create;
const there = open(argument.there);
const back = open(argument.back);

async function echoForEver(): Promise<void> {
  for (;;) {
    await there.receive();
    back.send(body);
  }
}

async function measure(): Promise<void> {
  await back.receive({ timeoutMs: 20_000 });
  for (let round = -1; round < roundsCounted; round++) {
    const tookUs: number[] = [];
    for (let trip = 0; trip < tripsPerRound; trip++) {
      const startNs = process.hrtime.bigint();
      there.send(body);
      await back.receive();
      tookUs.push(Number(process.hrtime.bigint() - startNs) / 1000);
    }
    tookUs.sort((a, b) => a - b);
    if (round < 0) continue;
    report(
      `${argument.report}.p50`,
      tookUs[tripsPerRound / 2] ?? Number.NaN,
      "us",
    );
    report(
      `${argument.report}.p99`,
      tookUs[Math.floor(tripsPerRound * 0.99)] ?? Number.NaN,
      "us",
    );
  }
}

if (argument.echo) {
  back.send(body);
  try {
    await echoForEver();
  } catch (error) {
    if (!(error instanceof QueueClosedError)) throw error;
  }
  there.close();
  back.close();
} else {
  console.log("ready");
  await measure();
  there.destroy();
  back.destroy();
}
