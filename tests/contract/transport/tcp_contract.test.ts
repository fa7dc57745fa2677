import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import { transportContract } from "../../support/transport_contract.ts";

transportContract({
  registry: createDefaultRegistry(),
  scheme: "tcp",
  listenAddress: () => "tcp://127.0.0.1:0",
  deadAddress: () => "tcp://127.0.0.1:1",
});
