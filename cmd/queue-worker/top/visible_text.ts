/** Texts of others on our terminal: harmless, and of a known width. */

/** Controls, invisible format characters (they can turn a line around), line separators and halves of pairs. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

function spellOut(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** The text with everything spelled out that could move a cursor or hide something. */
export function visibleText(text: string): string {
  return text.replace(unseen, spellOut);
}

/** Columns that a visible text takes. */
export function textWidth(text: string): number {
  return Bun.stringWidth(text);
}

const graphemes = new Intl.Segmenter();

/** At most `width` columns of it; what was cut off leaves an ellipsis. */
export function cutText(text: string, width: number): string {
  if (width <= 0) return "";
  if (textWidth(text) <= width) return text;
  // Bun.sliceAnsi of Bun 1.4.4 keeps a wide character that only half fits.
  let kept = "";
  let left = width - 1;
  for (const { segment } of graphemes.segment(text)) {
    left -= textWidth(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Exactly `width` columns, filled with spaces on the right or, for numbers, on the left. */
export function fitText(
  text: string,
  width: number,
  align: "left" | "right" = "left",
): string {
  const cut = cutText(text, width);
  const space = " ".repeat(Math.max(0, width - textWidth(cut)));
  return align === "left" ? cut + space : space + cut;
}
