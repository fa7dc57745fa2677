/** Options that the verbs of ringwire-client share. */
import { duration, timerMsMax } from "../command_line/duration.ts";
import { listOption, valueOption } from "../command_line/options.ts";
import { Refused } from "../command_line/refused.ts";
import {
  filePath,
  integer,
  nonEmpty,
  oneOf,
  parseHeader,
} from "../command_line/scalars.ts";
import { size } from "../command_line/size.ts";
import { framings } from "../records/framing.ts";

const tagMax = 2n ** 64n - 1n;

/** A tag: 0 to 2^64 - 1. */
function parseTag(text: string): bigint {
  const tag = /^\d{1,20}$/.test(text) ? BigInt(text) : -1n;
  if (tag < 0n || tag > tagMax)
    throw new Refused(text, `a whole number from 0 to ${tagMax}`);
  return tag;
}

/** How to come to the server. */
export const connectionOptions = {
  timeout: valueOption(
    "--timeout <duration>",
    "how long to wait: for the connection, and for each answer",
    duration({ minMs: 1, maxMs: timerMsMax }),
    5000,
    "5s",
  ),
  retry: valueOption(
    "--retry <count>",
    "tries after the first, while the server cannot be reached",
    integer(0, 1_000_000),
    0,
    "0",
  ),
  compression: valueOption(
    "--compression <how>",
    "none, zstd, deflate: of payloads, with servers that have it on too",
    oneOf("none", "zstd", "deflate"),
    "none",
    "none",
  ),
  tlsCa: valueOption(
    "--tls-ca <file>",
    "authorities that are trusted, PEM (default: those of the system)",
    filePath,
  ),
  tlsCert: valueOption(
    "--tls-cert <file>",
    "a certificate to show, PEM",
    filePath,
  ),
  tlsKey: valueOption("--tls-key <file>", "its private key, PEM", filePath),
  tlsName: valueOption(
    "--tls-name <host>",
    "the name that the server's certificate must have (default: the host of the URL)",
    nonEmpty,
  ),
};

/** What a message carries besides its body. */
export const messageOptions = {
  tag: valueOption("--tag <number>", "its tag", parseTag, 0n, "0"),
  subject: valueOption(
    "--subject <subject>",
    "what it is about; routes go by it",
    nonEmpty,
  ),
  header: listOption(
    "--header <key:value>",
    "a header; may be repeated",
    parseHeader,
  ),
  priority: valueOption(
    "--priority <priority>",
    "high, normal, low",
    oneOf("high", "normal", "low"),
    "normal",
    "normal",
  ),
};

/** Where messages come from. */
export const inputOptions = {
  count: valueOption(
    "-n, --count <count>",
    "with BODY: how often; else records of stdin at most",
    integer(1, 2 ** 48),
    undefined,
    "1 with BODY, else all",
  ),
  inFraming: valueOption(
    "--in-framing <framing>",
    `how stdin is split: ${framings.join(", ")}`,
    oneOf(...framings),
    "line",
    "line",
  ),
  maxMessageSize: valueOption(
    "--max-message-size <size>",
    "a longer record of stdin is refused",
    size(1, 2 ** 30),
    16 * 1024 ** 2,
    "16MiB",
  ),
  linger: valueOption(
    "--linger <duration>",
    "how long to wait, at the end of stdin, for what is still under way",
    duration({ maxMs: timerMsMax }),
    5000,
    "5s",
  ),
};
