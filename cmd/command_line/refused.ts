/** The reason why a single value was refused; whoever knows its origin turns it into a `UsageError`. */
export class Refused extends Error {
  /** What was given, as text. */
  readonly given: string;
  /** What would have been allowed, as the end of a sentence. */
  readonly allowed: string;

  constructor(given: string, allowed: string) {
    super(`given ${JSON.stringify(given)}, allowed is ${allowed}`);
    this.name = "Refused";
    this.given = given;
    this.allowed = allowed;
  }
}
