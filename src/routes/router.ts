/** Gives each message to the first route that it matches. */
import { NoResponderError } from "../transport/session_errors.ts";
import type {
  IncomingMessage,
  IncomingRequest,
  MessageBody,
  Reply,
} from "../transport/message.ts";
import type { Session } from "../transport/session.ts";
import type { RouteMatch } from "./match.ts";
import type { RouteTarget } from "./route_target.ts";

/** A match with what is to be done. */
export interface BoundRoute {
  /** As it was written, for reports. */
  readonly text: string;
  readonly match: RouteMatch;
  readonly target: RouteTarget;
}

/** How often a route was taken. */
export interface RouteCounts {
  readonly route: string;
  readonly messages: number;
  readonly requests: number;
  /** Of both, those that failed. */
  readonly failures: number;
}

interface Counted extends BoundRoute {
  messages: number;
  requests: number;
  failures: number;
}

/** Counts failures, now or later. */
function counting<T>(
  route: Counted,
  work: () => T | Promise<T>,
): T | Promise<T> {
  try {
    const result = work();
    if (!(result instanceof Promise)) return result;
    return result.catch((error: unknown) => {
      route.failures++;
      throw error;
    });
  } catch (error) {
    route.failures++;
    throw error;
  }
}

/** Routes in their order. */
export class Router {
  readonly #routes: readonly Counted[];
  #unmatched = 0;

  constructor(routes: readonly BoundRoute[]) {
    this.#routes = routes.map((route) => ({
      ...route,
      messages: 0,
      requests: 0,
      failures: 0,
    }));
  }

  /** What went where. */
  get counts(): readonly RouteCounts[] {
    return this.#routes.map(({ text, messages, requests, failures }) => ({
      route: text,
      messages,
      requests,
      failures,
    }));
  }

  /** Messages that no route was for; they are gone. */
  get unmatched(): number {
    return this.#unmatched;
  }

  /** For `onMessage`; without a promise where the target needs none. @throws what the target throws */
  message(message: IncomingMessage, session: Session): void | Promise<void> {
    const route = this.#find(message);
    if (route === undefined) {
      this.#unmatched++;
      return;
    }
    route.messages++;
    return counting(route, () => route.target.message(message, session));
  }

  /** For `onRequest`. @throws {NoResponderError} when no route is for it, and what the target throws */
  request(
    request: IncomingRequest,
    session: Session,
  ): MessageBody | Reply | Promise<MessageBody | Reply> {
    const route = this.#find(request);
    if (route === undefined) {
      this.#unmatched++;
      throw new NoResponderError("no route is for this message");
    }
    route.requests++;
    return counting(route, () => route.target.request(request, session));
  }

  /** Closes the targets. */
  async close(): Promise<void> {
    const targets = new Set(this.#routes.map(({ target }) => target));
    await Promise.all([...targets].map((target) => target.close()));
  }

  #find(message: IncomingMessage): Counted | undefined {
    return this.#routes.find(({ match }) => match.matches(message));
  }
}
