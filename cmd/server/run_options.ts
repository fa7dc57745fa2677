/** The options of `ringwire-server run`. */
import { RouteSyntaxError } from "../../src/routes/match.ts";
import { parseRoute, type RouteText } from "../../src/routes/route_text.ts";
import { wireLimitBounds } from "../../src/wire/limits.ts";
import type { Invocation } from "../command_line/command_line.ts";
import { duration, timerMsMax } from "../command_line/duration.ts";
import {
  listOption,
  type OptionValues,
  switchOption,
  valueOption,
} from "../command_line/options.ts";
import { Refused } from "../command_line/refused.ts";
import { filePath, integer, nonEmpty, oneOf } from "../command_line/scalars.ts";
import { size } from "../command_line/size.ts";
import { shaped } from "../command_line/value_shape.ts";
import { parseControlPath } from "../control/control_place.ts";
import { participantName } from "../queues/participant_name.ts";

/** Where it listens when nobody says anything: this machine only. */
export const listenDefault: readonly string[] = [
  "tcp://127.0.0.1:8080",
  "ws://127.0.0.1:8081",
];

/** Ways to compress payloads, and none. */
const compressions = ["none", "zstd", "deflate"] as const;

function route(text: string): RouteText {
  try {
    return parseRoute(text);
  } catch (error) {
    if (!(error instanceof RouteSyntaxError)) throw error;
    throw new Refused(text, `MATCH=TARGET: ${error.message}`);
  }
}

const [messageBytesMin, messageBytesMax] = wireLimitBounds.maxMessageBytes;

/** Options of `run`, which `check` and `doctor` look at too. */
export const runOptions = {
  listen: listOption(
    "--listen <url>",
    `where to listen, may be repeated; port 0 takes a free one (default: ${listenDefault.join(", ")})`,
    nonEmpty,
  ),
  route: listOption(
    "--route <match=target>",
    "what to do with which messages, may be repeated; the first that matches wins (default: *=demo)",
    route,
  ),
  portsFile: valueOption(
    "--ports-file <file>",
    "a file for the bound URLs, one a line, written whole once all are bound",
    filePath,
  ),
  tlsCert: valueOption(
    "--tls-cert <file>",
    "certificate of tls, wss and https: PEM, with those between it and the authority",
    filePath,
  ),
  tlsKey: valueOption("--tls-key <file>", "its private key, PEM", filePath),
  tlsCa: valueOption(
    "--tls-ca <file>",
    "authorities of the clients' certificates, for --mtls",
    filePath,
  ),
  mtls: switchOption(
    "--mtls",
    "let nobody in without a certificate of --tls-ca",
  ),
  allowInsecurePublic: switchOption(
    "--allow-insecure-public",
    "listen beyond this machine although everybody there may come in",
  ),
  maxConnections: valueOption(
    "--max-connections <count>",
    "connections at a time, over all protocols",
    integer(1, 1_000_000),
    undefined,
    "10000, or what the process may hold",
  ),
  maxMessageSize: valueOption(
    "--max-message-size <size>",
    "largest message that is taken",
    size(messageBytesMin, messageBytesMax),
    16 * 1024 ** 2,
    "16MiB",
  ),
  compression: valueOption(
    "--compression <how>",
    `${compressions.join(", ")}: of payloads, with clients that have it on too`,
    oneOf(...compressions),
    "none",
    "none",
  ),
  execTimeout: valueOption(
    "--exec-timeout <duration>",
    "how long the command of an exec route may take",
    duration({ minMs: 1, maxMs: timerMsMax }),
    30_000,
    "30s",
  ),
  execConcurrency: valueOption(
    "--exec-concurrency <count>",
    "commands at a time, for each exec route",
    integer(1, 1024),
    16,
    "16",
  ),
  drainTimeout: valueOption(
    "--drain-timeout <duration>",
    "how long what was accepted may take after SIGTERM",
    duration({ maxMs: timerMsMax }),
    25_000,
    "25s",
  ),
  log: valueOption(
    "--log <format>",
    "text, json: narration on stderr",
    oneOf("text", "json"),
    "text",
    "text",
  ),
  name: valueOption(
    "--name <name>",
    "its name, for the verbs that ask it something, and for clients",
    participantName,
    "server",
    "server",
  ),
  control: valueOption(
    "--control <path>",
    "its control socket",
    shaped(parseControlPath, { kind: "file" }),
    undefined,
    "a place that the other verbs find",
  ),
  noControl: switchOption("--no-control", "make no control socket"),
};

/** What `run` gets. */
export type RunInvocation = Invocation<typeof runOptions>;
/** The values of its options. */
export type RunValues = OptionValues<typeof runOptions>;
