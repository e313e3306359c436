/**
 * Regular expressions of `--filter name=…` in Go's syntax (RE2), matched in time proportional to pattern times text.
 * JavaScript's own backtrack, so a client's `(a+)+$` could stop the daemon for minutes.
 */
import { PatternParser } from "./list-pattern-parser.ts";

/** One step of a compiled pattern. `split` goes on at both places; `test` takes a character, `assert` none. */
export type PatternStep =
  | { readonly kind: "test"; readonly accepts: (character: string) => boolean }
  | { readonly kind: "assert"; readonly holds: (before: string, after: string) => boolean }
  | { readonly kind: "split"; readonly to: readonly number[] };

/**
 * Compiles `pattern` to a predicate that finds it anywhere in a text; undefined when it is no valid pattern (Docker then
 * lets it match nothing). Unicode classes (`\pL`) are not known here.
 */
export function compilePattern(pattern: string): ((text: string) => boolean) | undefined {
  const steps = new PatternParser(pattern).parse();
  return steps === undefined ? undefined : (text) => finds(steps, text);
}

/** Thompson's simulation: all places that the pattern can be at, moved over the text one character at a time. */
function finds(steps: readonly PatternStep[], text: string): boolean {
  const end = steps.length;
  const characters = [...text];
  let places = new Set<number>();
  for (let at = 0; at <= characters.length; at++) {
    const before = characters[at - 1] ?? "";
    const after = characters[at] ?? "";
    const reached = new Set<number>();
    for (const place of places) follow(steps, place, before, after, reached);
    follow(steps, 0, before, after, reached);
    if (reached.has(end)) return true;
    places = new Set();
    for (const place of reached) {
      const step = steps[place];
      if (after !== "" && step?.kind === "test" && step.accepts(after)) places.add(place + 1);
    }
  }
  return false;
}

/** Adds to `reached` every place that can be come to from `start` without taking a character. */
function follow(
  steps: readonly PatternStep[],
  start: number,
  before: string,
  after: string,
  reached: Set<number>,
): void {
  const pending = [start];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    if (reached.has(place)) continue;
    reached.add(place);
    const step = steps[place];
    if (step?.kind === "split") pending.push(...step.to);
    if (step?.kind === "assert" && step.holds(before, after)) pending.push(place + 1);
  }
}
