/**
 * Which messages a route is for.
 *
 * - `*`: all of them
 * - `tag:7`, `tag:100-199`: by their tag
 * - `jobs.*.new`, `jobs.>`: by their subject, as in NATS: tokens between dots, `*` is any one token, `>` at the end one or more
 */

/** What a match looks at. */
export interface MatchedMessage {
  /** 0n when its sender gave none. */
  readonly tag: bigint;
  readonly headers: { readonly subject?: string | undefined };
}

/** Says whether a message belongs to a route. */
export interface RouteMatch {
  /** As it was written. */
  readonly text: string;
  matches(message: MatchedMessage): boolean;
}

const tagMax = 2n ** 64n - 1n;
const allowed =
  "* (everything), tag:N, tag:FROM-TO, or a subject such as jobs.new, jobs.*.done, jobs.>";

/** A match that cannot be read: what was given, and what is allowed. */
export class RouteSyntaxError extends TypeError {
  constructor(what: string, given: string, rule: string) {
    super(`${what}: given ${JSON.stringify(given)}, allowed ${rule}`);
    this.name = "RouteSyntaxError";
  }
}

function readTag(text: string, whole: string): bigint {
  const tag = /^\d{1,20}$/.test(text) ? BigInt(text) : -1n;
  if (tag < 0n || tag > tagMax)
    throw new RouteSyntaxError(
      "match",
      whole,
      `tags are whole numbers from 0 to ${tagMax}`,
    );
  return tag;
}

function tagMatch(text: string): RouteMatch {
  const [first = "", last = first, ...rest] = text.slice(4).split("-");
  if (rest.length > 0) throw new RouteSyntaxError("match", text, allowed);
  const from = readTag(first, text);
  const to = readTag(last, text);
  if (from > to)
    throw new RouteSyntaxError("match", text, "FROM is not above TO");
  return { text, matches: ({ tag }) => tag >= from && tag <= to };
}

function checkTokens(text: string, tokens: readonly string[]): void {
  for (const [index, token] of tokens.entries()) {
    const last = index === tokens.length - 1;
    const wild = token === "*" || (token === ">" && last);
    // White space and control characters are in no subject of NATS either.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    if (!wild && (token === "" || /[\x00-\x20\x7f*>=]/.test(token)))
      throw new RouteSyntaxError("match", text, allowed);
  }
}

function subjectMatch(text: string): RouteMatch {
  const tokens = text.split(".");
  checkTokens(text, tokens);
  const open = tokens.at(-1) === ">";
  const fixed = open ? tokens.slice(0, -1) : tokens;
  return {
    text,
    matches: ({ headers: { subject } }) => {
      if (subject === undefined || subject === "") return false;
      const given = subject.split(".");
      if (open ? given.length <= fixed.length : given.length !== fixed.length)
        return false;
      return fixed.every(
        (token, index) =>
          (token === "*" && given[index] !== "") || token === given[index],
      );
    },
  };
}

/** Reads a match. @throws {RouteSyntaxError} saying what was given and what is allowed */
export function parseMatch(text: string): RouteMatch {
  if (text === "*") return { text, matches: () => true };
  return text.startsWith("tag:") ? tagMatch(text) : subjectMatch(text);
}
