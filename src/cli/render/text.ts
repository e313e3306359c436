import { humanSize } from "../../base/units.ts";

/** At most so many characters, the last one a sign that there were more. */
export function ellipsis(text: string, length: number): string {
  const characters = [...text];
  return characters.length > length ? `${characters.slice(0, length - 1).join("")}…` : text;
}

/** Bytes for people with three digits, as Docker shows them in lists. */
export const threeDigits = (bytes: number) => humanSize(Number(bytes.toPrecision(3)));

/** A part of a whole in whole hundredths, as Docker puts it behind what can be freed: `1.2MB (34%)`. */
export function sizeAndShare(bytes: number, total: number): string {
  return total > 0 ? `${humanSize(bytes)} (${Math.trunc((bytes * 100) / total)}%)` : humanSize(bytes);
}
