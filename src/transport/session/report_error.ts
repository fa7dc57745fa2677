/** Faults of handlers, and others that end nothing. */
import type { Session } from "../session.ts";
import type { SessionSettings } from "./settings.ts";

/** Tells whoever listens; a listener that throws is not told again. */
export function reportError(
  settings: SessionSettings,
  session: Session,
  error: unknown,
): void {
  try {
    settings.listeners.onError?.(error, session);
  } catch {
    // It was told, and that is all that can be done.
  }
}
