import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import { transportContract } from "../../support/transport_contract.ts";

transportContract({
  registry: createDefaultRegistry(),
  scheme: "ws",
  listenAddress: () => "ws://127.0.0.1:0/rings",
  deadAddress: () => "ws://127.0.0.1:1/rings",
});
