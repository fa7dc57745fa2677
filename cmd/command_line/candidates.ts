/** What completion may offer, and who knows it. */

/** One word that may be written. */
export interface Candidate {
  readonly value: string;
  readonly description?: string;
}

/** Texts that were given before the cursor, by the long names of their options. */
export type GivenOptions = ReadonlyMap<string, readonly string[]>;

/** Gives what there is of one kind, such as the queues. */
export type CandidateSource = (
  given: GivenOptions,
) => Promise<readonly Candidate[]>;
