/** The native library: where it came from, whether it works here, and how it starts handlers. */
import { randomBytes } from "node:crypto";
import { locateShim } from "../../../ffi/shm/symbols.ts";
import { CrossProcessQueue } from "../../../src/queue/mod.ts";
import { chooseLauncher } from "../../processes/launcher.ts";
import { embeddedShim } from "../../embedded/embedded_shim.ts";
import {
  broken,
  type Finding,
  ok,
  reasonOf,
  warn,
} from "../../doctor/finding.ts";

/** Begins the names of the private queues of the self test. */
export const selfTestPrefix = "doctor-self-test-";
/** A waiter that nobody wakes looks by itself after a second. */
const wakeMsMax = 500;
const waitMs = 3000;

/** The library, and whether there is any sense in going on. */
export function checkLibrary(): Finding {
  const check = "library";
  try {
    const { origin, path, abi } = locateShim();
    const place = origin === "embedded" ? "carried by the executable" : path;
    return ok(check, `${place} (${origin}), ABI ${abi.major}.${abi.minor}`);
  } catch (error) {
    const given = process.env.RINGWIRE_SHM_LIBRARY;
    return broken(
      check,
      reasonOf(error),
      given
        ? "unset RINGWIRE_SHM_LIBRARY"
        : "what is not ok above; if all is, build it anew: make shim build",
    );
  }
}

function milliseconds(sinceMs: number): string {
  return `${(performance.now() - sinceMs).toFixed(2)} ms`;
}

/** Sends, takes, compares and acknowledges a message. */
function exchange(queue: CrossProcessQueue): string {
  const body = randomBytes(1000);
  const beganMs = performance.now();
  queue.send(body);
  const job = queue.tryReserve();
  if (job === null || Buffer.compare(job.data, body) !== 0)
    throw new Error("the message that came out is not the one that went in");
  job.ack();
  return milliseconds(beganMs);
}

/** Wakes somebody who waits on an event loop. */
async function wake(
  queue: CrossProcessQueue,
  name: string,
): Promise<{ readonly ms: number; readonly text: string }> {
  using waiter = CrossProcessQueue.connect(name, {
    participantName: "doctor",
  });
  const waiting = waiter.reserve({ timeoutMs: waitMs });
  // Until it really waits.
  await Bun.sleep(5);
  const beganMs = performance.now();
  queue.send("wake up");
  const job = await waiting;
  if (job === null) throw new Error(`nobody was woken within ${waitMs} ms`);
  job.ack();
  return {
    ms: performance.now() - beganMs,
    text: milliseconds(beganMs),
  };
}

/** A queue of our own, used as anybody would, and destroyed. */
export async function selfTest(): Promise<Finding> {
  const check = "self test";
  const name = `${selfTestPrefix}${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    const beganMs = performance.now();
    const queue = CrossProcessQueue.create(name, {
      maxMessages: 16,
      maxMessageSize: 4096,
      participantName: "doctor",
    });
    try {
      const made = milliseconds(beganMs);
      const exchanged = exchange(queue);
      // Blocks on a futex, in vain.
      queue.receiveSync(1);
      const woken = await wake(queue, name);
      const seen = `queue made in ${made}; message sent, taken and acknowledged in ${exchanged}; waiter woken in ${woken.text}`;
      return woken.ms > wakeMsMax
        ? warn(
            check,
            `${seen}: the wake-up came late, or not at all`,
            "look at 'wake sockets' above; is the machine overloaded (uptime)?",
          )
        : ok(check, seen);
    } finally {
      queue.destroy();
    }
  } catch (error) {
    return broken(
      check,
      reasonOf(error),
      "what is broken above; if nothing is, run again with RINGWIRE_DEBUG=1 and report it",
    );
  }
}

/** How handlers are started, actually tried. */
export async function checkLauncher(): Promise<Finding> {
  const check = "handlers";
  try {
    const { method } = await chooseLauncher(embeddedShim());
    if (method === "shim")
      return ok(check, "started by the library; they die with their worker");
    if (method === "setpriv")
      return warn(
        check,
        "started by setpriv, at half the rate, because files in memory cannot be executed here",
        "sysctl vm.memfd_noexec=0, or a security policy that lets memfd files be executed",
      );
    return warn(
      check,
      "neither the library nor setpriv can start them: they will not die with a worker that is killed",
      "apt-get install util-linux (setpriv), or sysctl vm.memfd_noexec=0",
    );
  } catch (error) {
    return broken(check, reasonOf(error), "ulimit -n 65536");
  }
}
