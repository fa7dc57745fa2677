/** Which pages may talk to a listener: the browser says where a page is from, and acts with its visitor's rights. */

/** Rules for pages. */
export interface OriginRules {
  /** Origins that are let in; `"*"` for all. Undefined: only the one whose host the request names. */
  readonly origins: readonly string[] | undefined;
  /** How the listener itself is reached. */
  readonly httpScheme: "http" | "https";
}

function hostOf(scheme: string, authority: string): string | undefined {
  try {
    return new URL(`${scheme}://${authority}`).host;
  } catch {
    return undefined;
  }
}

/** Whether a request may come in. @param origin undefined: not from a page @param host as the request names it */
export function isOriginAllowed(
  origin: string | undefined,
  host: string | undefined,
  rules: OriginRules,
): boolean {
  if (origin === undefined) return true;
  const { origins, httpScheme } = rules;
  if (origins !== undefined)
    return origins.includes("*") || origins.includes(origin);
  const [, scheme = "", authority = ""] =
    /^(https?):\/\/([^/]+)$/.exec(origin) ?? [];
  if (scheme === "" || host === undefined) return false;
  return hostOf(scheme, authority) === hostOf(httpScheme, host);
}
