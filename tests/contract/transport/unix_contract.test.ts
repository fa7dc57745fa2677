import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import { afterAll } from "../../support/testing.ts";
import { transportContract } from "../../support/transport_contract.ts";
import {
  removeSocketPaths,
  socketPath,
} from "../../support/transport_fixture.ts";

afterAll(removeSocketPaths);
transportContract({
  registry: createDefaultRegistry(),
  scheme: "unix",
  listenAddress: () => `unix://${socketPath()}`,
  deadAddress: () => `unix://${socketPath()}`,
});
