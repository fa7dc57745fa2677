/** Compiled servers and clients in a sandbox. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Ended,
  root,
  type Running,
  type Sandbox,
  type StartOptions,
  until,
} from "./sandbox.ts";

/** The executables under test; `make build` makes them. */
export const serverProgram: string = join(root, "dist/ringwire-server");
export const clientProgram: string = join(root, "dist/ringwire-client");

/** A server that takes clients. */
export interface ServingServer {
  readonly running: Running;
  /** Bound, in the order of `--listen`. */
  readonly urls: readonly string[];
  /** The first of them. */
  readonly url: string;
}

let serverCount = 0;

/**
 * Starts a server and waits until it has bound its addresses.
 *
 * @param words flags of `run`; without `--listen` it listens at a free port of tcp
 */
export async function startServer(
  sandbox: Sandbox,
  words: readonly string[] = [],
  options: StartOptions = {},
): Promise<ServingServer> {
  const portsFile = sandbox.file(`ports-${++serverCount}`);
  const listen = words.includes("--listen")
    ? []
    : ["--listen", "tcp://127.0.0.1:0"];
  const running = sandbox.start(
    [serverProgram, "run", "--ports-file", portsFile, ...listen, ...words],
    options,
  );
  let over: Ended | undefined;
  void running.ended.then((ended) => {
    over = ended;
  });
  await until("the server's addresses", () => {
    if (over !== undefined)
      throw new Error(`the server ended with ${over.code}: ${over.err}`);
    return existsSync(portsFile);
  });
  const urls = readFileSync(portsFile, "utf8").trimEnd().split("\n");
  return { running, urls, url: urls[0] ?? "" };
}

/** Runs ringwire-server to its end. */
export function runServerVerb(
  sandbox: Sandbox,
  words: readonly string[],
  options?: StartOptions,
): Promise<Ended> {
  return sandbox.start([serverProgram, ...words], options).ended;
}

/** Runs ringwire-client to its end. */
export function runClient(
  sandbox: Sandbox,
  words: readonly string[],
  options?: StartOptions,
): Promise<Ended> {
  return sandbox.start([clientProgram, ...words], options).ended;
}

/** Runs ringwire-client, expects exit code 0, and gives stdout. */
export async function goodClient(
  sandbox: Sandbox,
  words: readonly string[],
  options?: StartOptions,
): Promise<string> {
  const { code, out, err } = await runClient(sandbox, words, options);
  if (code !== 0)
    throw new Error(`${words.join(" ")} ended with ${code}: ${err}`);
  return out;
}

/** Ends a server as a service manager does. @returns how it ended */
export function stopServer({ running }: ServingServer): Promise<Ended> {
  running.kill("SIGTERM");
  return running.ended;
}
