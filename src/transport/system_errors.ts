/** Turns what runtimes and systems throw into the errors of this room. */
import type { CloseKind } from "./adapter.ts";
import {
  AddressInUseError,
  AddressNotAvailableError,
  ConnectionClosedError,
  ConnectionRefusedError,
  ConnectionResetError,
  HostUnreachableError,
  NameNotFoundError,
  PathNotFoundError,
  PathTooLongError,
  PermissionDeniedError,
  TimedOutError,
  TlsCertificateError,
  TlsExpiredError,
  TlsHandshakeError,
  TlsUnknownAuthorityError,
  TlsWrongHostError,
  TooManyOpenFilesError,
  TransportError,
  type TransportErrorInit,
} from "./errors.ts";

type ErrorClass = new (
  message: string,
  init?: TransportErrorInit,
) => TransportError;

const bySystemCode = new Map<string, readonly [ErrorClass, string]>([
  ["ECONNREFUSED", [ConnectionRefusedError, "nobody listens there"]],
  ["EAGAIN", [ConnectionRefusedError, "the listener's queue is full"]],
  ["ENETUNREACH", [HostUnreachableError, "the network is unreachable"]],
  ["EHOSTUNREACH", [HostUnreachableError, "the host is unreachable"]],
  ["ENETDOWN", [HostUnreachableError, "the network is down"]],
  ["EHOSTDOWN", [HostUnreachableError, "the host is down"]],
  ["ENOTFOUND", [NameNotFoundError, "the name has no address"]],
  ["EAI_AGAIN", [NameNotFoundError, "the name cannot be looked up now"]],
  ["EADDRINUSE", [AddressInUseError, "the address is in use"]],
  [
    "EADDRNOTAVAIL",
    [AddressNotAvailableError, "this machine does not have the address"],
  ],
  ["ENOENT", [PathNotFoundError, "there is no such file or directory"]],
  ["ENOTDIR", [PathNotFoundError, "a part of the path is no directory"]],
  ["ENAMETOOLONG", [PathTooLongError, "the path is too long"]],
  ["EACCES", [PermissionDeniedError, "permission denied"]],
  ["EPERM", [PermissionDeniedError, "permission denied"]],
  ["EMFILE", [TooManyOpenFilesError, "this process has too many open files"]],
  ["ENFILE", [TooManyOpenFilesError, "the system has too many open files"]],
  ["ECONNRESET", [ConnectionResetError, "the peer reset the connection"]],
  ["ECONNABORTED", [ConnectionResetError, "the connection was aborted"]],
  ["EPIPE", [ConnectionResetError, "the peer has closed the connection"]],
  ["ETIMEDOUT", [TimedOutError, "the peer did not answer in time"]],
  [
    "ERR_TLS_CERT_ALTNAME_INVALID",
    [TlsWrongHostError, "the certificate is for other names"],
  ],
  ["CERT_HAS_EXPIRED", [TlsExpiredError, "the certificate has expired"]],
  ["CERT_NOT_YET_VALID", [TlsExpiredError, "the certificate is not valid yet"]],
  ...(
    [
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "UNABLE_TO_GET_ISSUER_CERT",
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      "SELF_SIGNED_CERT_IN_CHAIN",
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "CERT_UNTRUSTED",
    ] as const
  ).map(
    (code) =>
      [
        code,
        [
          TlsUnknownAuthorityError,
          "the certificate comes from no trusted authority",
        ],
      ] as const,
  ),
]);

/** What a runtime's error says about itself. */
function systemCodeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Alerts by which a peer says that it does not like our certificate, or misses it. */
const certificateAlert =
  /ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA)|DID_NOT_RETURN_A_CERTIFICATE|CERTIFICATE_VERIFY_FAILED|^CERT_|^ERR_TLS_CERT/;

/**
 * The error of this room for a system's or a runtime's error.
 *
 * @param doing what failed, as the beginning of a sentence: `"connect"`, `"listen"`
 * @param address as a URL
 */
export function toTransportError(
  error: unknown,
  doing: string,
  address: string,
): TransportError {
  if (error instanceof TransportError) return error;
  const systemCode = systemCodeOf(error);
  const text = textOf(error);
  const init: TransportErrorInit = { cause: error, address, systemCode };
  const say = (what: string) => `${doing} ${address}: ${what}`;
  const known =
    systemCode === undefined ? undefined : bySystemCode.get(systemCode);
  if (known !== undefined) {
    const [Known, what] = known;
    return new Known(say(what), init);
  }
  // Deno's words: it has no code for these.
  if (/failed to lookup address/.test(text))
    return new NameNotFoundError(say("the name has no address"), init);
  if (/SUN_LEN/.test(text))
    return new PathTooLongError(say("the path is too long"), init);
  if (systemCode !== undefined && certificateAlert.test(systemCode))
    return new TlsCertificateError(say(text), init);
  if (
    systemCode !== undefined &&
    /^ERR_(?:SSL|TLS|OSSL)|^EPROTO$/.test(systemCode)
  )
    return new TlsHandshakeError(say(text), init);
  return new TransportError(say(text || "failed"), init);
}

/** The kind of close that an error stands for. */
export function closeKindOf(error: TransportError): CloseKind {
  if (error instanceof ConnectionResetError) return "reset";
  if (error instanceof TimedOutError) return "timeout";
  if (error instanceof HostUnreachableError) return "timeout";
  if (error instanceof TlsHandshakeError) return "tls";
  if (error instanceof ConnectionClosedError) return "reset";
  return "failed";
}
