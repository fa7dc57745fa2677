/** Routes as they are written: `MATCH=TARGET`. */
import { parseMatch, type RouteMatch, RouteSyntaxError } from "./match.ts";

/** Where messages go. */
export type TargetText =
  | { readonly kind: "demo" | "echo" }
  /** A queue in shared memory, by name or `file:PATH`. */
  | { readonly kind: "queue"; readonly name: string }
  /** A line for the shell. */
  | { readonly kind: "exec"; readonly line: string }
  /** Other servers. */
  | { readonly kind: "upstream"; readonly urls: readonly string[] };

/** A route that has been read. */
export interface RouteText {
  /** As it was written. */
  readonly text: string;
  readonly match: RouteMatch;
  readonly target: TargetText;
}

const allowed = "demo, echo, queue:NAME, exec:COMMAND or upstream:URL,URL,…";

function readTarget(text: string): TargetText {
  if (text === "demo" || text === "echo") return { kind: text };
  const colon = text.indexOf(":");
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? "" : text.slice(colon + 1);
  if (rest.trim() === "") throw new RouteSyntaxError("target", text, allowed);
  switch (kind) {
    case "queue":
      return { kind, name: rest };
    case "exec":
      return { kind, line: rest };
    case "upstream": {
      const urls = rest.split(",").map((url) => url.trim());
      if (urls.some((url) => !/^[a-z][a-z0-9+.-]*:\/\//i.test(url)))
        throw new RouteSyntaxError(
          "target",
          text,
          "upstream: followed by URLs such as tcp://localhost:7000, with commas between them",
        );
      return { kind, urls };
    }
    default:
      throw new RouteSyntaxError("target", text, allowed);
  }
}

/** Reads a route. @throws {RouteSyntaxError} saying what was given and what is allowed */
export function parseRoute(text: string): RouteText {
  const equals = text.indexOf("=");
  if (equals < 0)
    throw new RouteSyntaxError(
      "route",
      text,
      `MATCH=TARGET, such as *=demo or jobs.>=queue:jobs`,
    );
  return {
    text,
    match: parseMatch(text.slice(0, equals)),
    target: readTarget(text.slice(equals + 1)),
  };
}
