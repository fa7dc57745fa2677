/** The HTTP side of a control socket. Loaded at the first request. */
import { Hono } from "hono/tiny";
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import {
  actionBodies,
  type ActionName,
  ActionRefused,
  type ControlActions,
} from "./control_actions.ts";

/** Whether a process does what it is there for. */
export interface Health {
  readonly healthy: boolean;
  /** What is wrong, one sentence each; empty when nothing is. */
  readonly reasons: readonly string[];
  /** Whether it takes new work. Only servers say so. */
  readonly ready?: boolean;
}

/** What is served. */
export interface ControlSubject {
  readonly report: () => object;
  readonly health: () => Health;
  /** What else can be looked at by GET, by its route: `conns` for `/conns`. @default nothing */
  readonly views?: Readonly<Record<string, () => object>>;
  readonly actions: ControlActions;
}

const bodyBytesMax = 1 << 16;

function failure(
  context: Context,
  status: ContentfulStatusCode,
  code: string,
  error: string,
): Response {
  return context.json({ error, code }, status);
}

async function readJson(context: Context): Promise<unknown> {
  const text = await context.req.text();
  return text.trim() === "" ? {} : JSON.parse(text);
}

async function act(
  context: Context,
  name: ActionName,
  actions: ControlActions,
): Promise<Response> {
  let given: unknown;
  try {
    given = await readJson(context);
  } catch {
    return failure(context, 400, "BadRequest", "the body is not JSON");
  }
  const body = actionBodies[name].safeParse(given);
  if (!body.success) {
    const issue = body.error.issues[0];
    const place = issue?.path.join(".") || "the body";
    return failure(
      context,
      400,
      "BadRequest",
      `${place}: ${issue?.message ?? "not allowed"}`,
    );
  }
  // The body was checked by the schema of this very action.
  const action = actions[name] as (body: unknown) => Promise<object>;
  return context.json(await action(body.data));
}

/** The routes: GET /status and /health, POST for each action; everything else is 404. Answers are JSON. */
export function controlApp(subject: ControlSubject): Hono {
  const app = new Hono();
  app.get("/status", (context) => context.json(subject.report()));
  app.get("/health", (context) => {
    const health = subject.health();
    return context.json(health, health.healthy ? 200 : 503);
  });
  const views = Object.entries(subject.views ?? {});
  for (const [name, view] of views)
    app.get(`/${name}`, (context) => context.json(view()));
  const names = Object.keys(subject.actions) as ActionName[];
  for (const name of names) {
    app.post(
      `/${name}`,
      bodyLimit({
        maxSize: bodyBytesMax,
        onError: (context) =>
          failure(
            context,
            413,
            "TooLarge",
            `the body is larger than ${bodyBytesMax} bytes`,
          ),
      }),
      (context) => act(context, name, subject.actions),
    );
  }
  const routes = ["GET /status", "GET /health"].concat(
    views.map(([name]) => `GET /${name}`),
    names.map((name) => `POST /${name}`),
  );
  app.notFound((context) =>
    failure(
      context,
      404,
      "NotFound",
      `${context.req.method} ${context.req.path}: no such route; there are ${routes.join(", ")}`,
    ),
  );
  app.onError((error, context) =>
    error instanceof ActionRefused
      ? failure(context, 409, error.code, error.message)
      : failure(context, 500, "Failed", error.message),
  );
  return app;
}
