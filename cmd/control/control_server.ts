/** The control socket of a running worker, daemon or server: HTTP for its own user, beside the work and never in its way. */
import { chmodSync, linkSync, lstatSync, rmSync } from "node:fs";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { say } from "../standard_streams/output.ts";
import type { ControlSubject } from "./control_app.ts";
import { removeDeadSockets, removeIfDead } from "./dead_sockets.ts";
import {
  type ControlRoom,
  controlPath,
  makeControlDirectory,
  newSocketPath,
} from "./control_place.ts";

/** What to serve, and where. */
export interface ControlRequest extends ControlSubject {
  readonly name: string;
  /** Among whom it is found. @default "control" */
  readonly room?: ControlRoom | undefined;
  /** @default a place that `listControls` finds */
  readonly path?: string | undefined;
}

/** A running control socket. */
export interface ControlServer extends AsyncDisposable {
  /** Undefined when the default place could not be used. */
  readonly path: string | undefined;
  /** Removes the socket and ends all connections; waits for answers on their way, but not long. */
  close(): Promise<void>;
}

/** How long an answer on its way may delay the end. */
const answerMsMax = 250;
/**
 * Seconds that a client may be silent; until then it costs a descriptor. Bun's types have it for TCP only, but it holds
 * for unix sockets too, and without it Bun writes a warning to stderr.
 */
const timeLimits: object = { idleTimeout: 10 };
/** Beyond what the app itself refuses, with a message. */
const bodyBytesMax = 1 << 20;
const attemptsMax = 9;

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** The inode at `path` itself, links not followed. */
function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}

type App = {
  readonly fetch: (request: Request) => Response | Promise<Response>;
};

/** A server on a socket that still has to get its name. */
class Listener {
  readonly #server: Bun.Server<undefined>;
  #app: Promise<App> | undefined;
  /** Requests whose bodies are not here yet. */
  #reading = 0;

  constructor(path: string, subject: ControlSubject) {
    // No permissions for others from the beginning on, wherever --control puts it.
    const before = process.umask(0o177);
    try {
      this.#server = Bun.serve({
        unix: path,
        maxRequestBodySize: bodyBytesMax,
        development: false,
        fetch: (request) => this.#answer(request, subject),
        ...timeLimits,
      });
    } finally {
      process.umask(before);
    }
    this.#server.unref();
  }

  async #answer(request: Request, subject: ControlSubject): Promise<Response> {
    let whole = request;
    if (request.body !== null) {
      this.#reading++;
      try {
        whole = new Request(request, { body: await request.arrayBuffer() });
      } catch {
        // The client is gone, or was too slow.
        return new Response(null, { status: 400 });
      } finally {
        this.#reading--;
      }
    }
    // Who never asks does not pay for the router.
    this.#app ??= import("./control_app.ts").then(({ controlApp }) =>
      controlApp(subject),
    );
    const response = await (await this.#app).fetch(whole);
    response.headers.set("connection", "close");
    return response;
  }

  /** Ends all connections; only answers that are on their way may delay it, and not long. */
  async close(): Promise<void> {
    const deadline = performance.now() + answerMsMax;
    while (
      this.#server.pendingRequests > this.#reading &&
      performance.now() < deadline
    )
      await Bun.sleep(1);
    await this.#server.stop(true);
  }
}

/** Gives the socket its name. @returns false when a living one has it @throws {CommandFailure} when anything else has */
async function publish(made: string, path: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      linkSync(made, path);
      return true;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !found.isSocket())
      throw new CommandFailure(
        ExitCode.failed,
        `${path} is there and is no socket; it is left alone`,
      );
    if (found !== undefined && !(await removeIfDead(path))) return false;
  }
  return false;
}

class Server implements ControlServer {
  readonly path: string;
  readonly #listener: Listener;
  readonly #inode: number | undefined;

  constructor(path: string, listener: Listener) {
    this.path = path;
    this.#listener = listener;
    this.#inode = inodeOf(path);
  }

  async close(): Promise<void> {
    // Whoever removed ours may have put another one there.
    if (this.#inode !== undefined && inodeOf(this.path) === this.#inode)
      rmSync(this.path, { force: true });
    await this.#listener.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function start(
  subject: ControlSubject,
  paths: readonly string[],
): Promise<ControlServer> {
  const [first = ""] = paths;
  const made = newSocketPath(first);
  // From an earlier process of our number.
  if (lstatSync(made, { throwIfNoEntry: false })?.isSocket() === true)
    rmSync(made);
  const listener = new Listener(made, subject);
  try {
    chmodSync(made, 0o600);
    for (const path of paths)
      if (await publish(made, path)) return new Server(path, listener);
    throw new CommandFailure(
      ExitCode.failed,
      `${first} is in use by another process`,
    );
  } catch (error) {
    await listener.close();
    throw error;
  } finally {
    rmSync(made, { force: true });
  }
}

function defaultPaths(name: string, room: ControlRoom): string[] {
  return Array.from({ length: attemptsMax }, (_, index) =>
    controlPath(name, process.pid, index + 1, room),
  );
}

/**
 * Opens the control socket. It does not keep the process alive.
 *
 * When the default place cannot be used, that is said on stderr and there is none: work goes on without.
 *
 * @throws {CommandFailure} when `path` is given and cannot be used
 */
export async function startControl(
  request: ControlRequest,
): Promise<ControlServer> {
  if (request.path !== undefined) {
    try {
      return await start(request, [request.path]);
    } catch (error) {
      if (error instanceof CommandFailure) throw error;
      throw new CommandFailure(
        ExitCode.failed,
        `--control ${request.path}: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }
  try {
    const { room = "control" } = request;
    makeControlDirectory(room);
    const server = await start(request, defaultPaths(request.name, room));
    // Nobody may ever list them where workers crash all the time.
    void removeDeadSockets(room);
    return server;
  } catch (error) {
    say(
      `no control socket: ${error instanceof Error ? error.message : String(error)}`,
    );
    return {
      path: undefined,
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
}
