/** What HTTP can ask for: `POST /send`, `POST /request`, `GET /listen`. */
import { Hono } from "hono/tiny";
import { FrameKind } from "../../../wire/kinds.ts";
import { TimedOutError } from "../../errors.ts";
import type { IngressHost } from "../../ingress.ts";
import {
  isOriginAllowed,
  type OriginRules,
} from "../../protocols/websocket/origins.ts";
import { messageOf, requestOf } from "../text_form.ts";
import {
  type EventStreamOptions,
  EventStreamSession,
} from "./event_stream_session.ts";
import { failureResponse, HttpRefusal } from "./http_failure.ts";
import { readHttpMessage, responseOf } from "./http_message.ts";
import { PostSession } from "./post_session.ts";

/** Rules and bounds of an ingress. */
export interface HttpAppOptions extends OriginRules, EventStreamOptions {
  /** Before the three paths, without a slash at its end. */
  readonly prefix: string;
  /** Requests and listeners at the same time. */
  readonly maxConnections: number;
  /** Rooms that one listener may ask for. */
  readonly roomsMax: number;
}

/** Answers requests, and knows the sessions that are open. */
export class HttpApp {
  readonly #host: IngressHost;
  readonly #options: HttpAppOptions;
  readonly #hono = new Hono();
  readonly #sessions = new Set<PostSession | EventStreamSession>();
  accepted = 0;
  refused = 0;
  #isClosing = false;

  constructor(host: IngressHost, options: HttpAppOptions) {
    this.#host = host;
    this.#options = options;
    const { prefix } = options;
    this.#hono.post(`${prefix}/send`, ({ req }) => this.#send(req.raw));
    this.#hono.post(`${prefix}/request`, ({ req }) => this.#request(req.raw));
    this.#hono.get(`${prefix}/listen`, ({ req }) => this.#listen(req.raw));
    const methods: Readonly<Record<string, string>> = {
      send: "POST",
      request: "POST",
      listen: "GET",
    };
    for (const [name, method] of Object.entries(methods))
      this.#hono.all(`${prefix}/${name}`, () => {
        const response = failureResponse(
          new HttpRefusal(
            405,
            "MethodNotAllowed",
            `only ${method} is answered`,
          ),
        );
        response.headers.set("allow", method);
        return response;
      });
    this.#hono.notFound(() =>
      failureResponse(
        new HttpRefusal(
          404,
          "NotFound",
          `nothing is here; POST ${prefix}/send, POST ${prefix}/request and GET ${prefix}/listen are`,
        ),
      ),
    );
    this.#hono.onError((error) => failureResponse(error));
  }

  /** Open sessions. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Answers a request. */
  async answer(
    request: Request,
    peer: string,
    gone: AbortSignal | undefined,
  ): Promise<Response> {
    const origin = request.headers.get("origin") ?? undefined;
    const host = request.headers.get("host") ?? undefined;
    if (!isOriginAllowed(origin, host, this.#options))
      return failureResponse(
        new HttpRefusal(
          403,
          "OriginRefused",
          "pages of this origin are not let in",
        ),
      );
    this.#clients.set(request, { peer, gone });
    const response =
      request.method === "OPTIONS"
        ? new Response(null, { status: 204 })
        : await this.#hono.fetch(request);
    if (origin !== undefined) {
      response.headers.set("access-control-allow-origin", origin);
      response.headers.set("vary", "origin");
      response.headers.set("access-control-allow-methods", "GET, POST");
      const asked = request.headers.get("access-control-request-headers");
      if (asked !== null)
        response.headers.set("access-control-allow-headers", asked);
    }
    return response;
  }

  readonly #clients = new WeakMap<
    Request,
    { readonly peer: string; readonly gone: AbortSignal | undefined }
  >();

  /** Says goodbye to all that is open, and lets nobody in any more. */
  async close(code: number, reason: string): Promise<void> {
    this.#isClosing = true;
    await Promise.all(
      [...this.#sessions].map((session) =>
        session instanceof EventStreamSession
          ? session.close(code, reason)
          : session.ended,
      ),
    );
  }

  /** Ends what is still being answered. */
  abort(reason: string): void {
    this.#isClosing = true;
    for (const session of [...this.#sessions]) session.abort(reason);
  }

  /** Lets nobody in any more. */
  stop(): void {
    this.#isClosing = true;
  }

  #admit<T extends PostSession | EventStreamSession>(
    request: Request,
    make: () => T,
  ): T {
    if (
      this.#isClosing ||
      this.#sessions.size >= this.#options.maxConnections
    ) {
      this.refused += 1;
      throw new HttpRefusal(
        503,
        "TooManyConnections",
        "the server has no room, or is closing",
      );
    }
    const session = make();
    this.accepted += 1;
    session.metadata.set("peerAddress", this.#clients.get(request)?.peer ?? "");
    this.#sessions.add(session);
    void session.ended.then(() => this.#sessions.delete(session));
    return session;
  }

  async #send(request: Request): Promise<Response> {
    return await this.#post(request, async (session, _dueMs, signal, body) => {
      const { envelope } = readHttpMessage(request.headers);
      const message = envelope(FrameKind.Message, body);
      session.received("message", body.length);
      await within(
        Promise.resolve(
          this.#host.message(messageOf(message, session.id), session),
        ),
        signal,
      );
      return new Response(null, { status: 202 });
    });
  }

  async #request(request: Request): Promise<Response> {
    return await this.#post(request, async (session, dueMs, signal, body) => {
      const { envelope } = readHttpMessage(request.headers);
      const asked = requestOf(
        envelope(FrameKind.Request, body),
        session.id,
        dueMs,
      );
      signal.addEventListener("abort", () => asked.giveUp(signal.reason));
      session.received("request", body.length);
      return responseOf(
        await within(this.#host.request(asked, session), signal),
      );
    });
  }

  /** Whatever a POST is for: its session, its body and its deadline. */
  async #post(
    request: Request,
    handle: (
      session: PostSession,
      dueMs: number,
      signal: AbortSignal,
      body: Uint8Array,
    ) => Promise<Response>,
  ): Promise<Response> {
    let session: PostSession | undefined;
    const giveUp = new AbortController();
    const { signal } = giveUp;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const { timeoutMs } = readHttpMessage(request.headers);
      const dueMs = performance.now() + timeoutMs;
      timer = setTimeout(
        () => giveUp.abort(new TimedOutError(`no answer in ${timeoutMs} ms`)),
        timeoutMs,
      );
      const gone = () => giveUp.abort(new Error("the client has gone"));
      this.#clients.get(request)?.gone?.addEventListener("abort", gone);
      const made = this.#admit(request, () => new PostSession(this.#host));
      session = made;
      made.signal.addEventListener("abort", () =>
        giveUp.abort(
          new HttpRefusal(
            503,
            "Closing",
            "the session was ended by the server",
          ),
        ),
      );
      await within(
        made.begin(request.headers.get("authorization") ?? undefined),
        signal,
      );
      const body = await readBody(request, this.#host.maxMessageBytes, signal);
      return await handle(made, dueMs, signal, body);
    } catch (error) {
      return failureResponse(error);
    } finally {
      clearTimeout(timer);
      session?.finished();
    }
  }

  async #listen(request: Request): Promise<Response> {
    let session: EventStreamSession | undefined;
    try {
      const rooms = new URL(request.url).searchParams.getAll("room");
      if (rooms.length > this.#options.roomsMax)
        throw new HttpRefusal(
          400,
          "TooManyRooms",
          `room: given ${rooms.length}, allowed at most ${this.#options.roomsMax}`,
        );
      const made = this.#admit(
        request,
        () => new EventStreamSession(this.#host, this.#options),
      );
      session = made;
      await made.begin(request.headers.get("authorization") ?? undefined);
      this.#join(made, rooms);
      this.#clients
        .get(request)
        ?.gone?.addEventListener("abort", () => made.gone());
      return new Response(made.body, {
        headers: {
          "content-type": "text/event-stream",
          "cache-control": "no-store",
          "x-accel-buffering": "no",
        },
      });
    } catch (error) {
      session?.gone();
      return failureResponse(error);
    }
  }

  #join(session: EventStreamSession, rooms: readonly string[]): void {
    for (const room of rooms)
      try {
        this.#host.join(session, room);
      } catch (error) {
        if (!(error instanceof RangeError || error instanceof TypeError))
          throw error;
        throw new HttpRefusal(400, "BadRoom", error.message);
      }
  }
}

/** Waits until a signal fires. @throws its reason */
async function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = () => {};
  const over = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The body, no more of it than is allowed. @throws {HttpRefusal} 413 @throws the signal's reason */
async function readBody(
  request: Request,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const tooLarge = () =>
    new HttpRefusal(
      413,
      "TooLarge",
      `body: more than ${maxBytes} bytes, which is what is taken`,
    );
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes)
    throw tooLarge();
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), signal);
      if (done) break;
      sizeBytes += value.length;
      if (sizeBytes > maxBytes) throw tooLarge();
      parts.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error;
  }
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const body = new Uint8Array(sizeBytes);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
