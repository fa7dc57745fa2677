/** What went wrong between client and server, as an exit code and a sentence. */
import {
  RemoteError,
  SessionClosedError,
} from "../../src/transport/session_errors.ts";
import { CloseCode } from "../../src/wire/close_codes.ts";
import {
  CommandFailure,
  ExitCode,
  exitCodeOf,
} from "../command_line/exit_codes.ts";
import { escapeControls } from "../records/records.ts";

const closeExits: Readonly<Record<number, number>> = {
  [CloseCode.Unauthorized]: ExitCode.notAllowed,
  [CloseCode.PolicyViolation]: ExitCode.notAllowed,
  [CloseCode.Kicked]: ExitCode.notAllowed,
  [CloseCode.ProtocolError]: ExitCode.protocol,
  [CloseCode.Unsupported]: ExitCode.protocol,
  [CloseCode.InvalidPayload]: ExitCode.protocol,
  [CloseCode.TooLarge]: ExitCode.protocol,
  [CloseCode.VersionUnsupported]: ExitCode.protocol,
  [CloseCode.CreditExceeded]: ExitCode.protocol,
};

/** Codes of remote errors that say the same as one of our own; any other is 1. */
const remoteExits: Readonly<Record<string, number>> = {
  TimedOut: ExitCode.timedOut,
  TooLarge: ExitCode.protocol,
  NoSpace: ExitCode.noSpace,
};

/** The exit code of a session that ended with a `CloseCode`. */
export function exitOfClose(code: number): number {
  return closeExits[code] ?? ExitCode.unreachable;
}

function exitOf(error: unknown): number {
  if (error instanceof RemoteError)
    return remoteExits[error.code] ?? ExitCode.failed;
  if (error instanceof SessionClosedError) return exitOfClose(error.closeCode);
  return exitCodeOf(error);
}

/** The failure of a command. What the other side says is harmless on a terminal. */
export function failureOf(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  const message = error instanceof Error ? error.message : String(error);
  const text =
    error instanceof RemoteError
      ? `${error.code}: ${message || "the server says no more"}`
      : message;
  return new CommandFailure(exitOf(error), escapeControls(text), {
    cause: error,
  });
}
