import type { PatternStep } from "./list-pattern.ts";

type Accepts = (character: string) => boolean;

/** More steps than any sensible filter needs; bounds what `(a{100}){100}` would grow to. */
const MAX_STEPS = 1000;
const MAX_REPEAT = 1000;
const MAX_DEPTH = 50;

const isDigit: Accepts = (character) => character >= "0" && character <= "9";
const isWord: Accepts = (character) => /^[0-9A-Za-z_]$/.test(character);
const isSpace: Accepts = (character) => " \t\n\f\r".includes(character);
const not =
  (accepts: Accepts): Accepts =>
  (character) =>
    !accepts(character);

const CLASSES: Readonly<Record<string, Accepts>> = {
  d: isDigit,
  D: not(isDigit),
  w: isWord,
  W: not(isWord),
  s: isSpace,
  S: not(isSpace),
};
const CONTROLS: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", f: "\f", v: "\v", a: "\x07" };
const atBoundary = (before: string, after: string) =>
  (before !== "" && isWord(before)) !== (after !== "" && isWord(after));
const ASSERTIONS: Readonly<Record<string, (before: string, after: string) => boolean>> = {
  A: (before) => before === "",
  z: (_, after) => after === "",
  b: atBoundary,
  B: (before, after) => !atBoundary(before, after),
};

class InvalidPattern extends Error {}

/** Recursive descent over the pattern; steps are relative to nothing: fragments are shifted when they are put together. */
export class PatternParser {
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;
  #ignoreCase = false;

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  /** Undefined for a pattern that is invalid, too large, or uses what is not known here. */
  parse(): PatternStep[] | undefined {
    try {
      const steps = this.#alternation();
      if (this.#at < this.#characters.length) throw new InvalidPattern();
      return steps;
    } catch (error) {
      if (error instanceof InvalidPattern) return undefined;
      throw error;
    }
  }

  #peek(): string {
    return this.#characters[this.#at] ?? "";
  }

  #take(): string {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw new InvalidPattern();
    return character;
  }

  #takeIf(text: string): boolean {
    if (!text.split("").every((character, offset) => this.#characters[this.#at + offset] === character))
      return false;
    this.#at += text.length;
    return true;
  }

  #alternation(): PatternStep[] {
    if (++this.#depth > MAX_DEPTH) throw new InvalidPattern();
    let steps = this.#sequence();
    while (this.#takeIf("|")) {
      const right = this.#sequence();
      // split L, R; L: left; jump end; R: right
      const left = shift(steps, 1);
      const end = left.length + 2 + right.length;
      steps = bounded([
        { kind: "split", to: [1, left.length + 2] },
        ...left,
        { kind: "split", to: [end] },
        ...shift(right, left.length + 2),
      ]);
    }
    this.#depth -= 1;
    return steps;
  }

  #sequence(): PatternStep[] {
    let steps: PatternStep[] = [];
    while (this.#at < this.#characters.length && this.#peek() !== "|" && this.#peek() !== ")") {
      steps = bounded(concat(steps, this.#repeated(this.#atom())));
    }
    return steps;
  }

  #repeated(atom: PatternStep[]): PatternStep[] {
    const range = this.#quantifier();
    if (range === undefined) return atom;
    // A lazy quantifier finds the same texts; a second quantifier is an error, as in Go.
    this.#takeIf("?");
    if (this.#quantifier() !== undefined) throw new InvalidPattern();
    const [least, most] = range;
    if (atom.length * Math.max(least, most ?? 1) > MAX_STEPS) throw new InvalidPattern();
    let steps: PatternStep[] = [];
    for (let count = 0; count < least; count++) steps = concat(steps, atom);
    if (most === undefined) return bounded(concat(steps, star(atom)));
    for (let count = least; count < most; count++) {
      steps = concat(steps, [{ kind: "split", to: [1, atom.length + 1] }, ...shift(atom, 1)]);
    }
    return bounded(steps);
  }

  /** Least and most (undefined: no limit), or undefined where no quantifier stands. */
  #quantifier(): [number, number | undefined] | undefined {
    if (this.#takeIf("*")) return [0, undefined];
    if (this.#takeIf("+")) return [1, undefined];
    if (this.#takeIf("?")) return [0, 1];
    const match = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(
      this.#characters.slice(this.#at, this.#at + 12).join(""),
    );
    if (match === null) return undefined;
    this.#at += match[0].length;
    const least = Number(match[1]);
    const most = match[2] === undefined ? least : match[3] === "" ? undefined : Number(match[3]);
    if (least > MAX_REPEAT || (most !== undefined && (most < least || most > MAX_REPEAT)))
      throw new InvalidPattern();
    return [least, most];
  }

  #atom(): PatternStep[] {
    const character = this.#take();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return [{ kind: "test", accepts: this.#class() }];
      case ".":
        return [{ kind: "test", accepts: (next) => next !== "\n" }];
      case "^":
        return [{ kind: "assert", holds: (before) => before === "" }];
      case "$":
        return [{ kind: "assert", holds: (_, after) => after === "" }];
      case "\\":
        return [this.#escape()];
      case "*":
      case "+":
      case "?":
        throw new InvalidPattern();
      default:
        return [{ kind: "test", accepts: this.#literal(character) }];
    }
  }

  #group(): PatternStep[] {
    const outer = this.#ignoreCase;
    if (this.#takeIf("?i)")) {
      // Holds until the end of the group around it, which puts the outer value back.
      this.#ignoreCase = true;
      return [];
    }
    if (this.#takeIf("?i:")) this.#ignoreCase = true;
    else if (this.#takeIf("?P<") || this.#takeIf("?<")) this.#groupName();
    else if (!this.#takeIf("?:") && this.#peek() === "?") throw new InvalidPattern();
    const steps = this.#alternation();
    if (!this.#takeIf(")")) throw new InvalidPattern();
    this.#ignoreCase = outer;
    return steps;
  }

  #groupName(): void {
    while (isWord(this.#peek())) this.#at += 1;
    if (!this.#takeIf(">")) throw new InvalidPattern();
  }

  #literal(character: string): Accepts {
    if (!this.#ignoreCase) return (next) => next === character;
    const lower = character.toLowerCase();
    return (next) => next.toLowerCase() === lower;
  }

  #escape(): PatternStep {
    const character = this.#take();
    const holds = ASSERTIONS[character];
    if (holds !== undefined) return { kind: "assert", holds };
    return { kind: "test", accepts: CLASSES[character] ?? this.#literal(escaped(character)) };
  }

  #class(): Accepts {
    const negated = this.#takeIf("^");
    const parts: Accepts[] = [];
    do {
      parts.push(this.#classPart());
    } while (this.#peek() !== "]");
    this.#at += 1;
    const any: Accepts = (character) => parts.some((accepts) => accepts(character));
    const both: Accepts = this.#ignoreCase
      ? (character) => any(character.toLowerCase()) || any(character.toUpperCase())
      : any;
    return negated ? not(both) : both;
  }

  #classPart(): Accepts {
    if (this.#peek() === "[" && this.#characters[this.#at + 1] === ":") throw new InvalidPattern();
    const first = this.#take();
    let low = first;
    if (first === "\\") {
      const next = this.#take();
      const known = CLASSES[next];
      if (known !== undefined) return known;
      low = escaped(next);
    }
    const isRange = this.#peek() === "-" && (this.#characters[this.#at + 1] ?? "]") !== "]";
    if (!isRange) return (character) => character === low;
    this.#at += 1;
    const last = this.#take();
    const high = last === "\\" ? escaped(this.#take()) : last;
    if (high < low) throw new InvalidPattern();
    return (character) => character >= low && character <= high;
  }
}

/** What an escape stands for; letters and digits that mean nothing (or something not known here) are an error, as in Go. */
function escaped(character: string): string {
  const control = CONTROLS[character];
  if (control !== undefined) return control;
  if (isWord(character) && character !== "_") throw new InvalidPattern();
  return character;
}

function shift(steps: readonly PatternStep[], by: number): PatternStep[] {
  return steps.map((step) =>
    step.kind === "split" ? { ...step, to: step.to.map((place) => place + by) } : step,
  );
}

function concat(left: readonly PatternStep[], right: readonly PatternStep[]): PatternStep[] {
  return [...left, ...shift(right, left.length)];
}

function star(atom: readonly PatternStep[]): PatternStep[] {
  const end = atom.length + 2;
  return [{ kind: "split", to: [1, end] }, ...shift(atom, 1), { kind: "split", to: [0] }];
}

function bounded(steps: PatternStep[]): PatternStep[] {
  if (steps.length > MAX_STEPS) throw new InvalidPattern();
  return steps;
}
