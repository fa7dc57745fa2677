/** Numbers for people who are in a hurry: short, and of the same width for the same size. */

/** A count: exact up to five digits, then with k, M or G. */
export function formatCount(count: number): string {
  if (count < 100_000) return `${count}`;
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
  ] as const)
    if (count >= size)
      return `${(Math.floor((count / size) * 100) / 100).toFixed(2)}${unit}`;
  return `${Math.floor(count / 1000)}k`;
}

/** A rate per second: one decimal below 10. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return "0";
  if (perSecond < 0.05) return "<0.1";
  if (perSecond < 9.95) return perSecond.toFixed(1);
  return formatCount(Math.round(perSecond));
}

/** A length of time in its two largest units: `0.4s`, `42s`, `3m05s`, `2h10m`, `3d04h`. */
export function formatAge(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const pair = (large: number, unit: string, small: number, part: string) =>
    `${large}${unit}${String(small).padStart(2, "0")}${part}`;
  if (whole < 3600) return pair(Math.floor(whole / 60), "m", whole % 60, "s");
  if (whole < 86_400)
    return pair(
      Math.floor(whole / 3600),
      "h",
      Math.floor((whole % 3600) / 60),
      "m",
    );
  return pair(
    Math.floor(whole / 86_400),
    "d",
    Math.floor((whole % 86_400) / 3600),
    "h",
  );
}
