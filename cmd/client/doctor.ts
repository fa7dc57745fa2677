import { descriptorLimit } from "../../src/base/descriptor_limit.ts";
import { schemeOf } from "../../src/transport/address.ts";
import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import { checkConfig } from "../doctor/config_check.ts";
import { broken, type Finding, ok, reasonOf, warn } from "../doctor/finding.ts";
import { findingsOutput, printFindings } from "../doctor/findings_output.ts";
import { connectionOptions } from "./client_options.ts";
import { openClient } from "./open_client.ts";
import { formatMs } from "./percentiles.ts";

const options = { ...connectionOptions, output: findingsOutput };

type DoctorInvocation = Invocation<typeof options>;

/** A certificate that ends sooner wants attention. */
const expiryDaysFew = 14;
const dayMs = 86_400_000;

function checkFiles(): Finding {
  const check = "open files";
  const limit = descriptorLimit();
  const seen = `at most ${limit} for a process`;
  return limit < 256
    ? warn(
        check,
        `${seen}: bench needs one for each connection`,
        "ulimit -n 1024",
      )
    : ok(check, seen);
}

const fixes: Readonly<Record<string, string>> = {
  ConnectionRefused: "start the server there, or another URL",
  PathNotFound: "start the server there, or another path",
  NameNotFound: "another host, or its entry in DNS or /etc/hosts",
  HostUnreachable: "the route to that network, or a firewall on the way",
  TimedOut: "a firewall that swallows it, or a larger --timeout",
  TlsUnknownAuthority:
    "--tls-ca with the authority of the server's certificate",
  TlsWrongHost: "--tls-name with a name that the certificate has",
  TlsExpired: "a new certificate for the server",
  PermissionDenied: "the permissions of the socket's file and its directories",
};

async function checkServer(
  url: string,
  given: DoctorInvocation["options"],
): Promise<Finding[]> {
  const check = `server ${url}`;
  try {
    schemeOf(url);
    const startMs = performance.now();
    await using client = await openClient(url, given);
    const connectMs = performance.now() - startMs;
    const roundTripMs = await client.ping({ timeoutMs: given.timeout });
    const findings = [
      ok(
        check,
        `connected in ${formatMs(connectMs)} as session ${client.sessionId}, round trip ${formatMs(roundTripMs)}${client.serverName === undefined ? "" : `, it calls itself ${client.serverName}`}`,
      ),
    ];
    const tls = client.session?.connection?.tls;
    const validTo = tls?.peerCertificate?.validTo;
    if (validTo !== undefined) {
      const seen = `${tls?.version ?? "TLS"}, certificate until ${validTo.toISOString()}`;
      findings.push(
        validTo.getTime() - Date.now() < expiryDaysFew * dayMs
          ? warn("certificate", seen, "a new certificate for the server")
          : ok("certificate", seen),
      );
    }
    return findings;
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const code =
      cause instanceof Error && "code" in cause ? String(cause.code) : "";
    return [
      broken(
        check,
        reasonOf(error),
        fixes[code] ?? "another URL, or the server's log",
      ),
    ];
  }
}

/** `doctor [URL]`: what is in the way between here and a server. */
export const doctor = defineVerb({
  operands: ["[url]"],
  options,
  toleratesBadConfig: true,
  notes:
    "With URL it really connects, and measures a round trip. Exit code 0: nothing is broken (there may be warnings); 1: something is.",
  examples: [
    "ringwire-client doctor tls://example.org:8443",
    "ringwire-client doctor -o jsonl | jq -r 'select(.status != \"ok\") | .fix'",
  ],
  run: async ({
    options: given,
    operands: [url],
    executable,
    configPath,
    environment,
  }) => {
    const findings = [
      await checkConfig(executable, configPath),
      checkFiles(),
      ...(url === undefined ? [] : await checkServer(url, given)),
    ];
    return await printFindings(findings, given.output, environment);
  },
});
