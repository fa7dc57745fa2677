/**
 * Addresses as URLs. Four forms; each protocol says which one is its own:
 *
 * - `host`: `tcp://localhost:7000`, `tls://[::1]:7000`, `tcp://0.0.0.0:0` (a free port, when listening)
 * - `url`: the same with a path and a query, `ws://localhost:7000/path?a=b`
 * - `path`: a file. Everything after `unix://` is the path, so `unix:///run/x.sock` is absolute and `unix://x.sock` or
 *   `unix://./x.sock` is relative to the working directory. `%` escapes are undone, so that every name can be written.
 * - `opaque`: anything; for protocols of programs.
 */
import { InvalidAddressError } from "./errors.ts";

/** What an address of a protocol looks like. */
export type AddressForm = "host" | "url" | "path" | "opaque";

/** An address that has been read. */
export interface Address {
  /** The protocol, in lower case, aliases resolved. */
  readonly scheme: string;
  /** Name or IP address, IPv6 without brackets; empty in the forms `path` and `opaque`. */
  readonly host: string;
  /** 0…65535; 0 in the forms `path` and `opaque`. */
  readonly port: number;
  /** `path`: the file. `url`: path and query, at least `"/"`. `opaque`: everything after `://`. `host`: empty. */
  readonly path: string;
}

/** How addresses of a scheme are read. */
export interface AddressRule {
  readonly scheme: string;
  readonly form: AddressForm;
  /** For addresses that name none. @default none: the port must be given */
  readonly defaultPort?: number | undefined;
}

const examples: Readonly<Record<AddressForm, string>> = {
  host: "host:port with host a name, an IPv4 address or an IPv6 address in brackets",
  url: "host[:port][/path][?query] with host a name, an IPv4 address or an IPv6 address in brackets",
  path: "a path, absolute after three slashes",
  opaque: "anything",
};

function refuse(given: string, rule: AddressRule, why: string): never {
  const shown = given.length > 200 ? `${given.slice(0, 200)}…` : given;
  throw new InvalidAddressError(
    `address: given ${JSON.stringify(shown)}: ${why}; allowed ${rule.scheme}:// and ${examples[rule.form]}`,
    { address: shown },
  );
}

/**
 * The scheme of an address, in lower case.
 *
 * @throws {TypeError} when it is no string
 * @throws {InvalidAddressError} when it does not begin with a scheme and `://`
 */
export function schemeOf(given: string): string {
  if (typeof given !== "string")
    throw new TypeError(
      `address: given ${typeof given}, allowed a string such as "tcp://localhost:7000"`,
    );
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(given)?.[1];
  if (scheme === undefined)
    throw new InvalidAddressError(
      `address: given ${JSON.stringify(given.slice(0, 200))}, allowed scheme://… such as "tcp://localhost:7000" or "unix:///run/x.sock"`,
      { address: given.slice(0, 200) },
    );
  return scheme.toLowerCase();
}

function readPort(
  given: string,
  rule: AddressRule,
  text: string | undefined,
): number {
  if (text === undefined || text === "") {
    if (rule.defaultPort !== undefined && text === undefined)
      return rule.defaultPort;
    return refuse(given, rule, "the port is missing");
  }
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535))
    return refuse(given, rule, `the port ${text} is not within 0…65535`);
  return port;
}

function readName(given: string, rule: AddressRule, name: string): string {
  if (name === "")
    return refuse(
      given,
      rule,
      "the host is missing (0.0.0.0 or [::] listens on every address)",
    );
  if (/^[\d.]+$/.test(name)) {
    const parts = name.split(".");
    if (
      parts.length !== 4 ||
      parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)
    )
      return refuse(given, rule, `${name} is no IPv4 address`);
    return parts.map(Number).join(".");
  }
  // Names in other scripts become their ASCII form, as in browsers.
  let ascii = name;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII itself
  if (/[^\x00-\x7f]/.test(name)) {
    try {
      ascii = new URL(`http://${name}`).hostname;
    } catch {
      return refuse(given, rule, `${JSON.stringify(name)} is no host name`);
    }
  }
  if (
    ascii.length > 253 ||
    !/^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/.test(
      ascii,
    )
  )
    return refuse(given, rule, `${JSON.stringify(name)} is no host name`);
  return ascii.toLowerCase();
}

function readBracketed(given: string, rule: AddressRule, text: string): string {
  const [, address = "", zone] = /^([^%]*)(?:%(?:25)?(.+))?$/.exec(text) ?? [];
  try {
    const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
    if (zone === undefined) return canonical;
    if (/^[A-Za-z0-9._-]{1,15}$/.test(zone)) return `${canonical}%${zone}`;
  } catch {
    // Said below.
  }
  return refuse(given, rule, `[${text}] is no IPv6 address`);
}

function readHostAndPort(
  given: string,
  rule: AddressRule,
  authority: string,
): { host: string; port: number } {
  if (authority.includes("@"))
    return refuse(given, rule, "no user or password may stand in an address");
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(authority);
  if (bracketed !== null)
    return {
      host: readBracketed(given, rule, bracketed[1] ?? ""),
      port: readPort(given, rule, bracketed[2]),
    };
  if (authority.split(":").length > 2)
    return refuse(given, rule, "an IPv6 address needs brackets");
  const [name = "", port] = authority.split(":");
  return {
    host: readName(given, rule, name),
    port: readPort(given, rule, port),
  };
}

function readPath(given: string, rule: AddressRule, rest: string): string {
  if (/[?#]/.test(rest))
    return refuse(given, rule, "? and # are written %3F and %23 in a path");
  let path: string;
  try {
    path = decodeURIComponent(rest);
  } catch {
    return refuse(
      given,
      rule,
      "a % must be followed by two hexadecimal digits (%25 is a %)",
    );
  }
  if (path === "" || path.endsWith("/"))
    return refuse(given, rule, "the name of the file is missing");
  if (path.includes("\0")) return refuse(given, rule, "a path has no NUL");
  if (path.startsWith("@"))
    return refuse(
      given,
      rule,
      "abstract sockets are not supported (a file of that name is ./@…)",
    );
  return path;
}

/**
 * Reads an address by the rule of its scheme.
 *
 * @throws {TypeError} when it is no string
 * @throws {InvalidAddressError} saying what was given and what is allowed
 */
export function parseAddress(given: string, rule: AddressRule): Address {
  const written = schemeOf(given);
  const rest = given.slice(written.length + 3);
  const { scheme } = rule;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\x00-\x1f\x7f]/.test(rest))
    return refuse(given, rule, "it has control characters");
  switch (rule.form) {
    case "opaque":
      return { scheme, host: "", port: 0, path: rest };
    case "path":
      return { scheme, host: "", port: 0, path: readPath(given, rule, rest) };
    case "host":
    case "url": {
      const end = rest.search(/[/?#]/);
      const authority = end < 0 ? rest : rest.slice(0, end);
      const tail = end < 0 ? "" : rest.slice(end);
      if (rule.form === "host" && tail !== "" && tail !== "/")
        return refuse(given, rule, "there is no path in such an address");
      if (tail.includes("#"))
        return refuse(given, rule, "there is no fragment in such an address");
      const place = readHostAndPort(given, rule, authority);
      if (rule.form === "host") return { scheme, ...place, path: "" };
      const path = tail.startsWith("/") ? tail : `/${tail}`;
      return { scheme, ...place, path };
    }
  }
}

/** Host and port as they stand in a URL: IPv6 in brackets. */
export function formatHostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The path of a file as it stands in a URL; {@linkcode parseAddress} gives it back. */
export function formatPath(scheme: string, path: string): string {
  const escaped = path.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must be escaped
    /[\x00-\x20\x7f%?#]/g,
    (character) =>
      `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
  return `${scheme}://${path.startsWith("@") ? "./" : ""}${escaped}`;
}

/** An address as a URL. */
export function formatAddress(address: Address): string {
  const { scheme, host, port, path } = address;
  if (host !== "") return `${scheme}://${formatHostAndPort(host, port)}${path}`;
  return formatPath(scheme, path);
}
