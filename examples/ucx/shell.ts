/**
 * UCX at the prompt: connect, send, receive and measure by hand. Start it twice. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/shell.ts
 *     deno run -A examples/ucx/shell.ts
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { UcxWorker } from "ringwire";

const help = `listen [HOST:PORT]           accept connections (127.0.0.1:0)
connect HOST:PORT            connect to another worker
endpoints                    list the connections
send ENDPOINT TAG MESSAGE    send a message
receive ENDPOINT TAG         take a message, if one has come
broadcast TAG MESSAGE        send to every connection
benchmark ENDPOINT [COUNT]   time messages of 8 bytes to it
stats, info, help, quit`;

/** How often UCX gets to work while somebody types. */
const progressMs = 10;
const benchmarkTag = 999;

const worker = new UcxWorker({ name: "shell" });
worker.events.on("open", (id) => console.log(`endpoint ${id} is connected`));
worker.events.on("close", ({ endpointId, by }) =>
  console.log(`endpoint ${endpointId} was closed by ${by}`),
);
worker.events.on("error", (error) => console.log(error.message));

function benchmark(endpoint: number, count: number): string {
  const data = new Uint8Array(8);
  const startMs = performance.now();
  for (let index = 0; index < count; index++)
    worker.sendTag(endpoint, benchmarkTag, data);
  const seconds = (performance.now() - startMs) / 1000;
  return `${count} messages in ${(seconds * 1000).toFixed(1)} ms, ${Math.round(count / seconds)} a second`;
}

/** Runs one command and gives what to print. */
function run(line: string): string {
  const [command = "", ...words] = line.trim().split(/\s+/);
  const [first = "", second = ""] = words;
  const rest = (skip: number) =>
    new TextEncoder().encode(words.slice(skip).join(" "));
  switch (command) {
    case "":
      return "";
    case "listen":
      return `listening at ${worker.createListener(first || "127.0.0.1:0").address}`;
    case "connect":
      worker.connect(first);
      return "";
    case "endpoints":
      return worker.getEndpointIds().join(" ") || "none";
    case "send":
      worker.sendTag(Number(first), Number(second), rest(2));
      return "sent";
    case "receive": {
      const buffer = new Uint8Array(worker.config.bufferSize);
      const length = worker.tryReceiveTag(
        Number(first),
        Number(second),
        buffer,
      );
      return length === undefined
        ? "nothing has come"
        : new TextDecoder().decode(buffer.subarray(0, length));
    }
    case "broadcast": {
      const results = [...worker.broadcastTag(Number(first), rest(1))];
      return results
        .map(([id, error]) => `endpoint ${id}: ${error?.message ?? "sent"}`)
        .join("\n");
    }
    case "benchmark":
      return benchmark(Number(first), Number(second || 500));
    case "stats":
      return worker.stats().toString();
    case "info":
      return `UCX ${worker.info().version}, ${worker.info().libraryPath}`;
    case "help":
      return help;
    default:
      return `${command}: unknown; help lists the commands`;
  }
}

const progress = setInterval(() => {
  while (worker.progress() > 0);
}, progressMs);
const terminal = createInterface({
  input: process.stdin,
  output: process.stdout,
  terminal: process.stdin.isTTY === true,
  prompt: process.stdin.isTTY === true ? "ucx> " : "",
});
terminal.prompt();
for await (const line of terminal) {
  if (line.trim() === "quit") break;
  try {
    const output = run(line);
    if (output !== "") console.log(output);
  } catch (error) {
    // A wrong address, an endpoint that is gone: the next command may be right.
    console.log(error instanceof Error ? error.message : String(error));
  }
  terminal.prompt();
}
terminal.close();
clearInterval(progress);
worker.close();
