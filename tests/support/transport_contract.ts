/** What every protocol must do, whatever it runs over: one suite for all of them, in both runtimes. */
import { afterEach } from "./testing.ts";
import { listeningContract } from "./transport_contract_listening.ts";
import { streamsContract } from "./transport_contract_streams.ts";
import { type ProtocolFixture, TransportTrials } from "./transport_fixture.ts";

/** Registers the suite for one protocol. */
export function transportContract(fixture: ProtocolFixture): void {
  const trials = new TransportTrials(fixture);
  afterEach(() => trials.closeAll());
  streamsContract(trials);
  listeningContract(trials);
}
