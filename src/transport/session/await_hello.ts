/** A connection of which a server does not know yet whose it is. */
import type { Hello } from "../../wire/hello.ts";
import type { Connection } from "../adapter.ts";
import { FramedSession } from "./framed_session.ts";
import { Link, type LinkOwner } from "./link.ts";
import { type SessionOptions, sessionSettings } from "./settings.ts";

/** Why a client is sent away. */
export interface HelloRefusal {
  /** A `CloseCode`, e.g. `Unauthorized`. */
  readonly code: number;
  readonly reason: string;
}

/** Says whose connection it is: a new session, or one that goes on. */
export type HelloDecision = (
  hello: Hello,
  connection: Connection,
) => FramedSession | HelloRefusal | Promise<FramedSession | HelloRefusal>;

/**
 * Waits for a client's hello, and gives the connection to the session that `decide` names. A session that had been open
 * before is resumed when the hello shows a token; that it is the right one is for `decide` to see to.
 *
 * @param options those of the session; limits, heartbeat and times are said or used before the session is known
 * @throws {RangeError} when an option is out of bounds
 */
export function awaitHello(
  connection: Connection,
  options: SessionOptions,
  decide: HelloDecision,
): Link {
  const take = (
    decision: FramedSession | HelloRefusal,
    link: Link,
  ): LinkOwner | undefined => {
    if (decision instanceof FramedSession) {
      decision.attach(connection, link);
      return decision.linkOwner;
    }
    link.finish(decision.code, decision.reason);
    return undefined;
  };
  return new Link(
    connection,
    sessionSettings(options),
    undefined,
    (hello, link) => {
      const decision = decide(hello, connection);
      return decision instanceof Promise
        ? decision.then((made) => take(made, link))
        : take(decision, link);
    },
  );
}
