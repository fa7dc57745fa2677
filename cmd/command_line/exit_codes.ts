/** Exit codes of the executables, and which failure ends with which. */

/** Every exit code that an executable may end with on its own account. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  /** No such queue, no responder, or an empty queue without `--wait`. */
  nothingThere: 3,
  notAllowed: 4,
  unreachable: 5,
  /** The other side broke the protocol, or something is too large. */
  protocol: 6,
  someFailed: 7,
  noSpace: 8,
  deadLettered: 123,
  timedOut: 124,
  handlerNotRunnable: 126,
  handlerNotFound: 127,
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;

/** A failure whose message is meant for the user, with the exit code that goes with it. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.exitCode = exitCode;
  }
}

/** What was given on the command line or in a configuration is not allowed. Exit code 2. */
export class UsageError extends CommandFailure {
  constructor(message: string, options?: ErrorOptions) {
    super(ExitCode.usage, message, options);
  }
}

/** Exit codes by the stable `code` of Ringwire's errors and of the operating system's. */
const codes: Readonly<Record<string, number>> = {
  QueueNotFound: ExitCode.nothingThere,
  QueueClosed: ExitCode.nothingThere,
  QueueEmpty: ExitCode.nothingThere,
  NotPermitted: ExitCode.notAllowed,
  MessageTooLarge: ExitCode.protocol,
  ForeignSegment: ExitCode.protocol,
  VersionMismatch: ExitCode.protocol,
  QueueCorrupt: ExitCode.protocol,
  SerializationFailed: ExitCode.protocol,
  NoSpace: ExitCode.noSpace,
  QueueTimeout: ExitCode.timedOut,
  NoResponder: ExitCode.nothingThere,
  InvalidAddress: ExitCode.usage,
  UnknownScheme: ExitCode.usage,
  UnsupportedFeature: ExitCode.usage,
  TlsMaterial: ExitCode.usage,
  ConnectionLimit: ExitCode.usage,
  PathTooLong: ExitCode.usage,
  PermissionDenied: ExitCode.notAllowed,
  TlsCertificate: ExitCode.notAllowed,
  TlsWrongHost: ExitCode.notAllowed,
  TlsUnknownAuthority: ExitCode.notAllowed,
  TlsExpired: ExitCode.notAllowed,
  ConnectionRefused: ExitCode.unreachable,
  HostUnreachable: ExitCode.unreachable,
  NameNotFound: ExitCode.unreachable,
  PathNotFound: ExitCode.unreachable,
  ConnectionReset: ExitCode.unreachable,
  ConnectionClosed: ExitCode.unreachable,
  SessionClosed: ExitCode.unreachable,
  ReconnectFailed: ExitCode.unreachable,
  FateUnknown: ExitCode.unreachable,
  TlsHandshake: ExitCode.protocol,
  UpgradeRefused: ExitCode.protocol,
  ProtocolViolation: ExitCode.protocol,
  WireMalformed: ExitCode.protocol,
  WireVersion: ExitCode.protocol,
  WireUnsupported: ExitCode.protocol,
  WireTooLarge: ExitCode.protocol,
  WirePayload: ExitCode.protocol,
  CreditExceeded: ExitCode.protocol,
  TimedOut: ExitCode.timedOut,
  EACCES: ExitCode.notAllowed,
  EPERM: ExitCode.notAllowed,
  ENOSPC: ExitCode.noSpace,
  EDQUOT: ExitCode.noSpace,
  EPIPE: ExitCode.brokenPipe,
};

/** Positive Linux error numbers that decide when a queue error has no more telling code. */
const errnoCodes: Readonly<Record<number, number>> = {
  1: ExitCode.notAllowed,
  13: ExitCode.notAllowed,
  28: ExitCode.noSpace,
  30: ExitCode.notAllowed,
};

function textCode(error: object): string | undefined {
  return "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** The exit code for anything that was thrown. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailure) return error.exitCode;
  if (typeof error !== "object" || error === null) return ExitCode.failed;
  const known = codes[textCode(error) ?? ""];
  if (known !== undefined) return known;
  if ("errno" in error && typeof error.errno === "number") {
    return errnoCodes[Math.abs(error.errno)] ?? ExitCode.failed;
  }
  return ExitCode.failed;
}
