/** From the options of `run` to a server's settings: what can be refused before anything is opened. */
import { accessSync, constants } from "node:fs";
import type { CompressionName } from "../../src/transport/end_options.ts";
import { schemeOf } from "../../src/transport/address.ts";
import type { TlsServerOptions } from "../../src/transport/tls_options.ts";
import { parseRoute, type RouteText } from "../../src/routes/route_text.ts";
import { parsePlace } from "../../src/queue/place.ts";
import { UsageError } from "../command_line/exit_codes.ts";
import { listenDefault, type RunValues } from "./run_options.ts";

/** A server's settings. */
export interface ServerPlan {
  readonly listen: readonly string[];
  readonly routes: readonly RouteText[];
  readonly tls: TlsServerOptions | undefined;
  readonly compression: CompressionName | undefined;
}

/** Protocols with TLS. */
const secureSchemes = new Set(["tls", "wss", "websockets", "https"]);

/** Whether only this machine can reach an address. */
export function isLocal(url: string): boolean {
  if (schemeOf(url) === "unix") return true;
  const authority =
    url.slice(url.indexOf("://") + 3).split(/[/?#]/, 1)[0] ?? "";
  const host = authority.startsWith("[")
    ? authority.slice(1, authority.indexOf("]"))
    : (authority.split(":", 1)[0] ?? "");
  return (
    /^127(?:\.\d{1,3}){3}$/.test(host) ||
    host.toLowerCase() === "localhost" ||
    host === "::1"
  );
}

function checkReadable(option: string, path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new UsageError(
      `--${option}: ${path}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

function tlsOf(
  given: RunValues,
  listen: readonly string[],
): TlsServerOptions | undefined {
  const { tlsCert: cert, tlsKey: key, tlsCa: ca, mtls } = given;
  const secure = listen.filter((url) => secureSchemes.has(schemeOf(url)));
  if (cert === undefined || key === undefined) {
    if (cert !== undefined || key !== undefined)
      throw new UsageError(
        `--tls-${cert === undefined ? "key" : "cert"} is given alone; needed are --tls-cert and --tls-key`,
      );
    if (secure[0] !== undefined)
      throw new UsageError(
        `--listen ${secure[0]}: needed are --tls-cert and --tls-key`,
      );
    if (ca !== undefined || mtls)
      throw new UsageError(
        `--${mtls ? "mtls" : "tls-ca"} is given without --tls-cert and --tls-key`,
      );
    return undefined;
  }
  if (mtls && ca === undefined)
    throw new UsageError("--mtls is given without --tls-ca FILE");
  checkReadable("tls-cert", cert);
  checkReadable("tls-key", key);
  if (ca !== undefined) checkReadable("tls-ca", ca);
  return {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    ...(mtls ? { requestClientCertificate: true } : {}),
  };
}

function checkPublic(given: RunValues, listen: readonly string[]): void {
  if (given.allowInsecurePublic) return;
  const open = listen.find(
    (url) => !isLocal(url) && !(given.mtls && secureSchemes.has(schemeOf(url))),
  );
  if (open !== undefined)
    throw new UsageError(
      `--listen ${open}: others can reach it, and nobody is asked who they are; allowed are addresses of this machine (127.0.0.1, [::1], unix), tls with --mtls, or --allow-insecure-public`,
    );
}

function checkTarget({ text, target }: RouteText): void {
  try {
    if (target.kind === "queue") parsePlace(target.name);
    if (target.kind === "upstream") target.urls.forEach(schemeOf);
  } catch (error) {
    throw new UsageError(
      `--route ${text}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/**
 * Reads what `run` was given.
 *
 * @throws {UsageError} for anything that can be seen to be wrong without opening sockets or queues
 */
export function planServer(given: RunValues): ServerPlan {
  const listen = given.listen.length > 0 ? given.listen : listenDefault;
  for (const url of listen) {
    try {
      schemeOf(url);
    } catch (error) {
      throw new UsageError(
        `--listen: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }
  checkPublic(given, listen);
  const tls = tlsOf(given, listen);
  const routes = given.route.length > 0 ? given.route : [parseRoute("*=demo")];
  for (const route of routes) checkTarget(route);
  return {
    listen,
    routes,
    tls,
    compression: given.compression === "none" ? undefined : given.compression,
  };
}
