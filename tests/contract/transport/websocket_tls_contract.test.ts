import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import { TestAuthority } from "../../support/test_certificates.ts";
import { afterAll } from "../../support/testing.ts";
import { transportContract } from "../../support/transport_contract.ts";

const authority = new TestAuthority();
const server = authority.issue("localhost", "DNS:localhost,IP:127.0.0.1");
afterAll(() => authority.remove());
transportContract({
  registry: createDefaultRegistry(),
  scheme: "wss",
  listenAddress: () => "wss://127.0.0.1:0/",
  deadAddress: () => "wss://127.0.0.1:1/",
  listenOptions: () => ({ tls: server }),
  connectOptions: () => ({ tls: { ca: authority.ca } }),
});
