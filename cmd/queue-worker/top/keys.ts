/** Keys, as a terminal in raw mode sends them. */

/** What `top` makes of a key. */
export type Key =
  | "up"
  | "down"
  | "pageUp"
  | "pageDown"
  | "home"
  | "end"
  | "enter"
  | "escape"
  | "interrupt"
  | "suspend"
  | "redraw"
  /** Any other single character. */
  | { readonly character: string };

const sequences: Readonly<Record<string, Key>> = {
  "\x1b[A": "up",
  "\x1bOA": "up",
  "\x1b[B": "down",
  "\x1bOB": "down",
  "\x1b[5~": "pageUp",
  "\x1b[6~": "pageDown",
  "\x1b[H": "home",
  "\x1bOH": "home",
  "\x1b[1~": "home",
  "\x1b[F": "end",
  "\x1bOF": "end",
  "\x1b[4~": "end",
  "\r": "enter",
  "\n": "enter",
  "\x1b": "escape",
  "\x03": "interrupt",
  "\x1a": "suspend",
  "\x0c": "redraw",
};

/** One sequence or one character. An unknown sequence is one piece: its letters are no keys. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const piece = /\x1b(?:\[[0-?]*[ -/]*[@-~]|O[\s\S])?|[\s\S]/gu;

/** The keys in what was read; those that mean nothing are left out. */
export function parseKeys(text: string): Key[] {
  return [...text.matchAll(piece)].flatMap(([found]): Key[] => {
    const known = sequences[found];
    if (known !== undefined) return [known];
    return found.startsWith("\x1b") ? [] : [{ character: found }];
  });
}
